#include "agent/collect/command_line.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace agent::collect {

namespace {

// Most that one byte becomes as JSON: \u0001, or U+FFFD.
constexpr std::size_t kMostPerByte = 6;

std::size_t json_size(unsigned char byte) {
  if (byte == '"' || byte == '\\') return 2;
  // \n, \t and their like take two; six is never too little.
  if (byte < 0x20 || byte == 0x7F) return 6;
  return 1;
}

// Calls back for each argument of a run of them; the last may lack its NUL.
template <class Each>
void for_each_argument(std::string_view run, Each each) {
  while (!run.empty()) {
    const std::size_t end = run.find('\0');
    each(run.substr(0, end));
    if (end == std::string_view::npos) return;
    run.remove_prefix(end + 1);
  }
}

std::string joined(std::string_view run) {
  if (!run.empty() && run.back() == '\0') run.remove_suffix(1);
  std::string text(run);
  std::ranges::replace(text, '\0', ' ');
  return text;
}

// Adds a run of arguments while they fit; says whether all did.
bool add_arguments(base::json::Writer& writer, const std::string& out, std::string_view run,
                   std::size_t limit) {
  bool whole = true;
  for_each_argument(run, [&](std::string_view argument) {
    if (!whole) return;
    // Quotes, a comma and the closing bracket; an empty argument takes room too.
    const std::size_t room = limit > out.size() + 4 ? limit - out.size() - 4 : 0;
    const std::string_view fitting = fit_json(argument, room);
    whole = room > 0 && fitting.size() == argument.size();
    if (whole || !fitting.empty()) writer.value(fitting);
  });
  return whole;
}

}  // namespace

std::size_t json_size(std::string_view text) {
  std::size_t size = 0;
  for (const char byte : text)
    size += json_size(static_cast<unsigned char>(byte));
  return size;
}

std::string_view fit_json(std::string_view text, std::size_t limit) {
  if (text.size() * kMostPerByte <= limit) return text;
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    size += json_size(static_cast<unsigned char>(text[i]));
    if (size <= limit) continue;
    // Not within a character.
    while (i > 0 && (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U)
      --i;
    return text.substr(0, i);
  }
  return text;
}

CommandLine read_command_line(std::string_view argv, std::size_t head, std::size_t total,
                              const CommandLineLimits& limits) {
  head = std::min(head, argv.size());
  const bool gap = head < argv.size();
  CommandLine line;
  line.shortened = gap || argv.size() < total;
  std::string front(argv.substr(0, head));
  std::string back(argv.substr(head));
  if (!base::is_utf8(front) || !base::is_utf8(back)) {
    line.base64 = base::base64_encode(base::as_bytes(argv.substr(0, limits.raw_bytes)));
    front = base::to_utf8(front);
    back = base::to_utf8(back);
  }
  std::string mark;
  if (gap) {
    mark = fmt::format("[{} bytes omitted]", total > argv.size() ? total - argv.size() : 0);
  }

  std::string text = joined(front);
  if (gap) text += " " + mark + " " + joined(back);
  const std::string_view fitting = fit_json(text, limits.text_json_bytes);
  line.shortened = line.shortened || fitting.size() < text.size();
  line.text = fitting;

  base::json::Writer writer(line.json);
  writer.begin_array();
  // The end keeps a quarter, so that a long front does not push it out.
  const std::size_t front_limit = gap ? limits.array_json_bytes / 4 * 3 : limits.array_json_bytes;
  bool whole = add_arguments(writer, line.json, front, front_limit);
  if (gap) {
    writer.value(mark);
    whole = add_arguments(writer, line.json, back, limits.array_json_bytes) && whole;
  }
  writer.end_array();
  line.shortened = line.shortened || !whole;
  return line;
}

}  // namespace agent::collect
