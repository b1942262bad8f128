"""A reader of pickles that cannot run anything.

A pickle is a program for a small stack machine; Python's own machine imports whatever the program names and calls it.
This one imports nothing and calls nothing: a name on the caller's list stands for an inert value or for one of our own
functions, any other name ends the reading, and so does every operation that PyTorch's files have no need of.

Why not `pickle.Unpickler` with `find_class`: a program can still change the attributes of what `find_class` gives it
(BUILD), and a single operation can make it ask for gigabytes (LONG_BINPUT with a huge index).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from ...base.errors import ModelError

MOST_BYTES = 128 * 2**20
MOST_OPERATIONS = 16_000_000
"""TotalSegmentator's longest training log (4000 epochs of 117 scores) takes about 7 million."""

MOST_OBJECTS = 8_000_000
"""The same log leaves about 2 million in memory; one-byte operations could leave as many as there are bytes."""

_CHUNK = 65536
_unsigned_at = struct.Struct("<I").unpack_from


class Inert:
    """Stands for any value that nobody needs; there is one, `INERT`."""

    def __repr__(self) -> str:
        return "INERT"


INERT = Inert()


@dataclass(frozen=True)
class Name:
    """A global that the pickle mentions, such as `collections.OrderedDict`; it refers to nothing."""

    name: str


Call = Callable[[tuple[Any, ...]], Any]


def read_pickle(data: bytes, names: Mapping[str, Call | None], persistent: Call) -> Any:
    """The value that a pickle describes, made of dicts, lists, tuples, texts and numbers only.

    Parameters
    ----------
    data : bytes
        The pickle, protocol 0 to 5.
    names : Mapping[str, Call | None]
        Every global that may be mentioned, and our own function that stands in when it is called; with None it is
        inert, and so is what calling it gives.
    persistent : Call
        Turns the tuple of a persistent identifier into a value.

    Raises
    ------
    ModelError
        The pickle mentions another name, asks for anything unusual, or is damaged.
    """
    if len(data) > MOST_BYTES:
        raise ModelError(
            f"The checkpoint's index is {len(data) // 2**20} MB, too large to be one.", "Get the weights again."
        )
    machine = _Machine(data, names, persistent)
    try:
        return machine.run()
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error) as error:
        raise _damaged_index() from error


def _damaged_index() -> ModelError:
    return ModelError("The checkpoint's index is damaged or incomplete.", "Get the weights again.")


def _forbidden(what: str) -> ModelError:
    return ModelError(
        f"The checkpoint asks for {what}, which a file of weights has no need of; nothing was executed.",
        "Do not trust this file; get the weights from their official source.",
    )


class _Stop(Exception):
    """The end of the program."""


class _Machine:
    """The stack machine. Each method below named in `_OPERATIONS` is one operation, or a family of them."""

    def __init__(self, data: bytes, names: Mapping[str, Call | None], persistent: Call) -> None:
        self.data = data
        self.position = 0
        self.names = names
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        # Memo entries come numbered 0, 1, 2, ... nearly always; others go to a dict, whatever their number.
        self.memo: list[Any] = []
        self.sparse_memo: dict[int, Any] = {}

    def run(self) -> Any:
        data, operations = self.data, _OPERATIONS
        most_blocks = sys.getallocatedblocks() + MOST_OBJECTS
        try:
            for _ in range(MOST_OPERATIONS // _CHUNK):
                if sys.getallocatedblocks() > most_blocks:
                    raise _forbidden(f"more than {MOST_OBJECTS:,} objects")
                for _ in range(_CHUNK):
                    code = data[self.position]
                    self.position += 1
                    operations[code](self)
        except _Stop:
            if self.marks or len(self.stack) != 1:
                raise _damaged_index() from None
            return self.stack[0]
        raise _forbidden(f"more than {MOST_OPERATIONS:,} operations")

    # Reading what follows an operation's code.

    def take(self, count: int) -> bytes:
        end = self.position + count
        if count < 0 or end > len(self.data):
            raise _damaged_index()
        piece, self.position = self.data[self.position : end], end
        return piece

    def line(self) -> bytes:
        end = self.data.index(b"\n", self.position)
        piece, self.position = self.data[self.position : end], end + 1
        return piece

    # The stack and the memo.

    def stop(self) -> None:
        raise _Stop

    def skip_protocol(self) -> None:
        if self.take(1)[0] > 5:
            raise _forbidden("a pickle protocol above 5")

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def duplicate(self) -> None:
        self.stack.append(self.stack[-1])

    def put(self, index: int) -> None:
        if index == len(self.memo):
            self.memo.append(self.stack[-1])
        elif 0 <= index < len(self.memo):
            self.memo[index] = self.stack[-1]
        else:
            self.sparse_memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index] if 0 <= index < len(self.memo) else self.sparse_memo[index])

    def put_byte(self) -> None:
        self.put(self.take(1)[0])

    def put_long(self) -> None:
        # Two thirds of a checkpoint's index are this operation and `get_long`, so they take the short way.
        (index,) = _unsigned_at(self.data, self.position)
        self.position += 4
        if index == len(self.memo):
            self.memo.append(self.stack[-1])
        else:
            self.put(index)

    def put_line(self) -> None:
        self.put(int(self.line()))

    def put_next(self) -> None:
        self.put(len(self.memo) + len(self.sparse_memo))

    def get_byte(self) -> None:
        self.get(self.take(1)[0])

    def get_long(self) -> None:
        (index,) = _unsigned_at(self.data, self.position)
        self.position += 4
        self.stack.append(self.memo[index] if index < len(self.memo) else self.sparse_memo[index])

    def get_line(self) -> None:
        self.get(int(self.line()))

    # Containers.

    def empty_tuple(self) -> None:
        self.stack.append(())

    def tuple_from_mark(self) -> None:
        items = tuple(self.pop_mark())
        self.stack.append(items)

    def tuple_of_1(self) -> None:
        self.stack[-1] = (self.stack[-1],)

    def tuple_of_2(self) -> None:
        last = self.stack.pop()
        self.stack[-1] = (self.stack[-1], last)

    def tuple_of_3(self) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def empty_list(self) -> None:
        self.stack.append([])

    def list_from_mark(self) -> None:
        items = self.pop_mark()
        self.stack.append(items)

    def empty_dict(self) -> None:
        self.stack.append({})

    def dict_from_mark(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self.fill(items)

    def inert_from_mark(self) -> None:
        self.pop_mark()
        self.stack.append(INERT)

    def add_to_set(self) -> None:
        self.pop_mark()
        if self.stack[-1] is not INERT:
            raise _damaged_index()

    def append_one(self) -> None:
        self.extend([self.stack.pop()])

    def append_all(self) -> None:
        self.extend(self.pop_mark())

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise _forbidden("appending to something that is no list")
        target.extend(items)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.fill([key, value])

    def set_items(self) -> None:
        self.fill(self.pop_mark())

    def fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise _forbidden("setting items of something that is no dictionary")
        # Tuples are no keys here: hashing one that is nested a million times over would exhaust the C stack.
        if any(type(key) not in (str, int, bool, float, bytes, type(None)) for key in items[::2]):
            raise _forbidden("a dictionary with unusual keys")
        target.update(zip(items[::2], items[1::2], strict=True))

    # Names and calls: where other machines would execute something.

    def name_from_lines(self) -> None:
        module, name = self.line().decode("utf-8"), self.line().decode("utf-8")
        self.push_name(module, name)

    def name_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            raise _damaged_index()
        self.push_name(module, name)

    def push_name(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self.names:
            raise _forbidden(repr(full[:100]))
        self.stack.append(Name(full))

    def call(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or type(arguments) is not tuple:
            raise _forbidden("a call of something that is no function")
        stand_in = self.names[function.name]
        self.stack.append(INERT if stand_in is None else stand_in(arguments))

    def build(self) -> None:
        # The state of an inert value is as inert; an OrderedDict's (`_metadata` in PyTorch) is not needed.
        self.stack.pop()
        if self.stack[-1] is not INERT and type(self.stack[-1]) is not dict:
            raise _forbidden("changing the attributes of an object")

    def persistent_from_stack(self) -> None:
        identifier = self.stack.pop()
        if type(identifier) is not tuple:
            raise _forbidden("a persistent identifier that is no tuple")
        self.stack.append(self.persistent(identifier))

    def old_instance(self) -> None:
        self.name_from_lines()
        self.unusual()

    def unusual(self) -> None:
        raise _forbidden("an unusual operation")


Operation = Callable[[_Machine], object]


def _constant(value: object) -> Operation:
    return lambda machine: machine.stack.append(value)


def _parsed_number(layout: str) -> Operation:
    """A number of fixed size, as `struct` describes it."""
    reader = struct.Struct(layout)

    def operation(machine: _Machine) -> None:
        machine.stack.append(reader.unpack(machine.take(reader.size))[0])

    return operation


def _sized(layout: str, decode: Callable[[bytes], Any]) -> Operation:
    """A length, then as many bytes."""
    reader = struct.Struct(layout)

    def operation(machine: _Machine) -> None:
        size = reader.unpack(machine.take(reader.size))[0]
        machine.stack.append(decode(machine.take(size)))

    return operation


def _line(decode: Callable[[bytes], Any]) -> Operation:
    """The rest of a line of text, as protocol 0 writes values."""
    return lambda machine: machine.stack.append(decode(machine.line()))


_text = methodcaller("decode", "utf-8", "surrogatepass")
_latin_1 = methodcaller("decode", "latin-1")
_escaped = methodcaller("decode", "raw-unicode-escape")


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _integer_from_text(data: bytes) -> int | bool:
    return data == b"01" if data in (b"00", b"01") else int(data.rstrip(b"L"))


def _quoted(data: bytes) -> str:
    if len(data) < 2 or data[:1] != data[-1:] or data[:1] not in (b"'", b'"'):
        raise _damaged_index()
    return data[1:-1].decode("unicode_escape")


def _operation_table() -> list[Operation]:
    machine = _Machine
    known: dict[bytes, Operation] = {
        b".": machine.stop, b"\x80": machine.skip_protocol, b"\x95": lambda machine: machine.take(8),
        b"(": machine.mark, b"0": machine.pop, b"1": machine.pop_mark, b"2": machine.duplicate,
        b"q": machine.put_byte, b"r": machine.put_long, b"p": machine.put_line, b"\x94": machine.put_next,
        b"h": machine.get_byte, b"j": machine.get_long, b"g": machine.get_line,
        b"N": _constant(None), b"\x88": _constant(True), b"\x89": _constant(False),
        b"J": _parsed_number("<i"), b"K": _parsed_number("<B"), b"M": _parsed_number("<H"), b"G": _parsed_number(">d"),
        b"I": _line(_integer_from_text), b"L": _line(_integer_from_text), b"F": _line(float),
        b"\x8a": _sized("<B", _integer), b"\x8b": _sized("<i", _integer),
        b"X": _sized("<I", _text), b"\x8c": _sized("<B", _text), b"\x8d": _sized("<Q", _text),
        b"T": _sized("<i", _latin_1), b"U": _sized("<B", _latin_1), b"S": _line(_quoted), b"V": _line(_escaped),
        b"B": _sized("<I", bytes), b"C": _sized("<B", bytes), b"\x8e": _sized("<Q", bytes),
        b"\x96": _sized("<Q", bytes),
        b")": machine.empty_tuple, b"t": machine.tuple_from_mark,
        b"\x85": machine.tuple_of_1, b"\x86": machine.tuple_of_2, b"\x87": machine.tuple_of_3,
        b"]": machine.empty_list, b"l": machine.list_from_mark, b"a": machine.append_one, b"e": machine.append_all,
        b"}": machine.empty_dict, b"d": machine.dict_from_mark, b"s": machine.set_item, b"u": machine.set_items,
        b"\x8f": _constant(INERT), b"\x90": machine.add_to_set, b"\x91": machine.inert_from_mark,
        b"c": machine.name_from_lines, b"\x93": machine.name_from_stack,
        b"R": machine.call, b"\x81": machine.call, b"b": machine.build, b"Q": machine.persistent_from_stack,
        b"i": machine.old_instance,
    }  # fmt: skip
    return [known.get(bytes([code]), machine.unusual) for code in range(256)]


_OPERATIONS = _operation_table()
