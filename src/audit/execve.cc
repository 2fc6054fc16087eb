#include "audit/execve.h"

#include <charconv>
#include <optional>

#include "audit/names.h"

namespace audit {

namespace {

// a12, a12[3], or a12_len.
struct ArgumentName {
  std::uint64_t argument = 0;
  std::optional<std::uint64_t> piece;
};

std::optional<ArgumentName> read_name(std::string_view name) {
  if (!name.starts_with('a')) return std::nullopt;
  const char* const end = name.data() + name.size();
  ArgumentName read;
  const auto first = std::from_chars(name.data() + 1, end, read.argument);
  if (first.ec != std::errc()) return std::nullopt;
  if (first.ptr == end) return read;
  if (*first.ptr != '[') return std::nullopt;
  std::uint64_t piece = 0;
  const auto second = std::from_chars(first.ptr + 1, end, piece);
  if (second.ec != std::errc() || second.ptr + 1 != end || *second.ptr != ']') return std::nullopt;
  read.piece = piece;
  return read;
}

// Puts pieces behind each other and notices what is not there.
class Joiner {
 public:
  explicit Joiner(Arguments& arguments) : to_(arguments) {}

  void add(const ArgumentName& name, std::string_view raw) {
    const std::uint64_t piece = name.piece.value_or(0);
    const bool continues = open_ && name.argument == argument_ && piece == piece_ + 1;
    if (!continues) {
      end_argument();
      const bool first = !open_ && !skipped_ && name.argument == 0;
      if (piece != 0 && !skipped_) to_.damaged = true;
      if (!first && !skipped_ && name.argument != argument_ + 1) to_.damaged = true;
    }
    to_.bytes += decode_text(raw);
    argument_ = name.argument;
    piece_ = piece;
    open_ = true;
    in_argument_ = true;
    skipped_ = false;
  }
  // What comes next does not follow on what came last.
  void skip() {
    in_argument_ = false;
    skipped_ = true;
  }
  void end_argument() {
    if (in_argument_) to_.bytes.push_back('\0');
    in_argument_ = false;
  }
  std::uint64_t next() const { return open_ ? argument_ + 1 : 0; }

 private:
  Arguments& to_;
  std::uint64_t argument_ = 0;
  std::uint64_t piece_ = 0;
  bool open_ = false;         // an argument was seen
  bool in_argument_ = false;  // and its NUL is not written
  bool skipped_ = false;
};

}  // namespace

Arguments read_arguments(const Event& event) {
  Arguments arguments;
  Joiner joiner(arguments);
  std::size_t left_out = 0;
  std::optional<std::size_t> head;
  bool counted = false;
  for (std::size_t i = 0; i < event.records.size(); ++i) {
    if (event.omitted.argv_bytes > 0 && i == event.omitted.before) {
      joiner.skip();
      head = arguments.bytes.size();
      left_out = event.omitted.argv_bytes;
    }
    if (event.records[i].type != types::kExecve) continue;
    const Fields fields(event.records[i].body);
    if (const auto argc = fields.number("argc"); argc && *argc >= 0) {
      arguments.count = static_cast<std::uint64_t>(*argc);
      counted = true;
    }
    for (const Field& field : fields.all()) {
      if (const auto name = read_name(field.name)) joiner.add(*name, field.raw);
    }
  }
  joiner.end_argument();
  if (!counted || joiner.next() != arguments.count) arguments.damaged = true;
  arguments.head = head.value_or(arguments.bytes.size());
  arguments.total = arguments.bytes.size() + left_out;
  return arguments;
}

std::size_t argument_bytes(std::string_view body) {
  std::size_t bytes = 0;
  const Fields fields(body);
  for (const Field& field : fields.all()) {
    const auto name = read_name(field.name);
    if (!name) continue;
    const bool quoted = field.raw.starts_with('"');
    bytes += quoted ? field.raw.size() - 2 : field.raw.size() / 2;
    if (name->piece.value_or(0) == 0) ++bytes;
  }
  return bytes;
}

}  // namespace audit
