"""Where the product can be changed, and how: one constant, comparison, operator, statement or condition.

    changes = find_changes("src/net/optim.c", text, is_active=lambda line: True)
    changed = changes[0].apply(text)

Comments, strings, preprocessor lines, attributes and assertions stay as they are, and so do the sizes
of arrays; the number of lines stays too, so that messages name the same ones.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import collections
import re

TOKEN = re.compile(r"""
    (?P<skip>/\*.*?\*/|//[^\n]*|^[ \t]*\#(?:\\\n|/\*.*?\*/|[^\n])*|\s+)
  | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<number>\.?\d(?:[eEpP][-+]|[\w.])*)
  | (?P<word>[A-Za-z_]\w*)
  | (?P<operator>->|\+\+|--|<<=|>>=|\.\.\.|[-+*/%&|^<>=!]=|&&|\|\||<<|>>|.)
""", re.S | re.M | re.X)

COMPARISONS = {"<": ("<=", ">="), ">": (">=", "<="), "<=": ("<", ">"), ">=": (">", "<"), "==": ("!=",), "!=": ("==",)}
OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*", "&&": "||", "||": "&&", "&": "|", "|": "&", "^": "&",
             "<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|=", "^=": "&="}
WORDS = {"true": "false", "false": "true"}
KINDS = ("constant", "comparison", "operator", "statement", "condition")

KEYWORDS = set("if else for while do switch case default return break continue goto sizeof typedef struct enum union "
               "static const extern inline volatile register unsigned signed int long short char float double void "
               "bool auto restrict".split())
# No code: a change would be of what the compiler checks, or of how it is told to check.
NOT_CODE = re.compile(r"__attribute__|_Static_assert|_Noreturn|__asm__|__builtin_expect")
DECLARATION = re.compile(r"[A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)*(?:\s+|\s*\*+\s*(?:const\s+|restrict\s+)*)"
                         r"[A-Za-z_]\w*\s*(?:\[|=|,|;)")
FUNCTION = re.compile(r"^[A-Za-z_][^;:={}]*?\b(\w+)\(", re.M)

Token = collections.namedtuple("Token", "kind text start end")
Key = collections.namedtuple("Key", "file function line change")


class Change(collections.namedtuple("Change", "kind key number start end old new")):
    """Text `old` from start to end becomes `new`; `number` is that of the line, for people to find it."""

    def apply(self, text):
        return text[: self.start] + self.new + text[self.end:]


def squeeze(text):
    return " ".join(text.split())


def tokenise(text):
    tokens = [Token(m.lastgroup, m.group(), m.start(), m.end()) for m in TOKEN.finditer(text)]
    return [t for t in tokens if t.kind != "skip"]


def other_numbers(text):
    """What a literal becomes: a whole number one more or less, others twice as much; 0 and 1 each other."""
    body = re.match(r"0[xX][0-9a-fA-F]+|[\d.]+(?:[eE][-+]?\d+)?", text).group()
    suffix = text[len(body):]
    if suffix.strip("uUlLfF") or "p" in body.lower():
        return []
    if re.fullmatch(r"\d+|0[xX].*", body):
        value = int(body, 0) if not re.fullmatch(r"0\d+", body) else int(body, 8)
        others = {0: (1,), 1: (0, 2)}.get(value, (value + 1, value - 1))
        return [(hex(v) if body[:2] in ("0x", "0X") else str(v)) + suffix for v in others]
    value = float(body)
    others = {0.0: (1.0,), 1.0: (0.0, 2.0)}.get(value, (2.0 * value, 0.5 * value))
    return [repr(v) + suffix for v in others]


def is_operand(token):
    """Whether an operator behind it takes two sides."""
    return token.kind in ("number", "text") or token.text in (")", "]") or \
        (token.kind == "word" and token.text not in ("return", "case", "sizeof"))


def array_sizes(tokens, text):
    """Which tokens stand in the brackets of `type name[8]`: a larger array does what a smaller one does."""
    inside = set()
    for i, t in enumerate(tokens[2:], 2):
        type_word, name = tokens[i - 2], tokens[i - 1]
        declares = type_word.kind == "word" and type_word.text != "return" or \
            type_word.text == "*" and not text[type_word.end].isspace()
        if t.text == "[" and name.kind == "word" and declares:
            inside.update(range(i, closing(tokens, i)))
    return inside


def token_changes(tokens, text):
    """(kind, start, end, new) of what one token can become."""
    sizes = array_sizes(tokens, text)
    for i, t in enumerate(tokens):
        before = tokens[i - 1] if i else None
        if i in sizes:
            continue
        spaced = text[t.start - 1: t.start].isspace() and text[t.end: t.end + 1].isspace()  # so the formatter sets it
        if t.kind == "number":
            for new in other_numbers(t.text):
                yield "constant", t.start, t.end, new
        elif t.text in WORDS:
            yield "constant", t.start, t.end, WORDS[t.text]
        elif t.text in COMPARISONS and spaced:
            for new in COMPARISONS[t.text]:
                yield "comparison", t.start, t.end, new
        elif t.text in OPERATORS and spaced and before and is_operand(before):
            yield "operator", t.start, t.end, OPERATORS[t.text]
        elif t.text in ("-", "!") and not spaced and before and not is_operand(before):
            yield "operator", t.start, t.end, ""


def closing(tokens, i):
    """The index of the bracket that closes the one at i."""
    depth = 0
    for k in range(i, len(tokens)):
        depth += (tokens[k].text in ("(", "[", "{")) - (tokens[k].text in (")", "]", "}"))
        if depth == 0:
            return k
    return len(tokens) - 1


def condition_changes(tokens, text):
    for i, t in enumerate(tokens[:-1]):
        if t.text in ("if", "while") and tokens[i + 1].text == "(":
            start, end = tokens[i + 1].end, tokens[closing(tokens, i + 1)].start
            yield "condition", start, end, "!(" + text[start:end] + ")"


def is_label(tokens, i):
    """Whether the colon at i ends a label or a case, not the first half of a choice."""
    k = i - 1
    while k > 0 and tokens[k].text not in (";", "{", "}", ":"):
        k -= 1
    return tokens[k + 1].text in ("case", "default") or k + 2 == i


def is_head(tokens, i):
    """Whether the bracket that closes at i is that of an if, for or while."""
    depth, k = 0, i
    while k > 0:
        depth += (tokens[k].text == ")") - (tokens[k].text == "(")
        if depth == 0:
            break
        k -= 1
    return tokens[k - 1].text in ("if", "for", "while")


def starts_statement(tokens, i):
    before = tokens[i - 1].text
    return before in (";", "{", "}", "else", "do") or (before == ":" and is_label(tokens, i - 1)) or \
        (before == ")" and is_head(tokens, i - 1))


def statement_changes(tokens, text):
    """Calls and assignments that are left out; the lines stay."""
    braces = brackets = 0
    for i, t in enumerate(tokens):
        braces += (t.text == "{") - (t.text == "}")
        brackets += (t.text in ("(", "[")) - (t.text in (")", "]"))
        plain = t.kind == "word" and t.text not in KEYWORDS or t.text in ("*", "++", "--")
        if braces < 1 or brackets or i == 0 or not plain or not starts_statement(tokens, i):
            continue
        end = i
        if tokens[i + 1].text == ":":  # a label
            continue
        while end < len(tokens) and tokens[end].text not in (";", "{", "}"):
            end = closing(tokens, end) + 1 if tokens[end].text in ("(", "[") else end + 1
        if end >= len(tokens) or tokens[end].text != ";" or end == i + 1:
            continue
        statement = text[t.start: tokens[end].start]
        if not DECLARATION.match(statement + ";"):
            yield "statement", t.start, tokens[end].start, "\n" * statement.count("\n")


def lines_left_out(text):
    """Numbers of lines of attributes and the like, whole statements of them."""
    found = set()
    for match in NOT_CODE.finditer(text):
        first = text.count("\n", 0, match.start())
        last = text.count("\n", 0, text.find(";", match.start()) if ";" in text[match.start():] else len(text))
        found.update(range(first, min(last, first + 6) + 1))
    return found


class Functions:
    """Which function a place is in."""

    def __init__(self, text):
        self.starts = [(m.start(), m.group(1)) for m in FUNCTION.finditer(text)]

    def at(self, place):
        inside = [name for start, name in self.starts if start <= place]
        return inside[-1] if inside else "-"


def find_changes(file, text, is_active):
    """All changes of the file, each with a key that does not depend on where in the file its line is."""
    tokens, functions, left_out = tokenise(text), Functions(text), lines_left_out(text)
    lines = text.split("\n")
    found, seen = [], collections.Counter()
    places = [*token_changes(tokens, text), *condition_changes(tokens, text), *statement_changes(tokens, text)]
    for kind, start, end, new in sorted(places):
        number = text.count("\n", 0, start)
        if number in left_out or not is_active(number + 1):
            continue
        old = text[start:end]
        change = {"statement": "without " + squeeze(old), "condition": f"not ({squeeze(old)})"}.get(kind, f"{old} -> {new}")
        key = Key(file, functions.at(start), squeeze(lines[number]), change)
        seen[key] += 1
        if seen[key] > 1:
            key = key._replace(change=f"{change} ({seen[key]})")
        found.append(Change(kind, key, number + 1, start, end, old, new))
    return found
