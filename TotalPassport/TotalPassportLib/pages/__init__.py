"""HTML pages that hold everything they show: style, tables, charts, figures."""
