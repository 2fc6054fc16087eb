#include "cli/message.h"

#include <istream>
#include <ostream>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "os/file.h"

namespace cli {

namespace {

base::Result<std::string> read_stream(std::istream& in) {
  constexpr std::size_t kChunk = 1U << 16;
  std::string text;
  std::string chunk(kChunk, '\0');
  while (in.read(chunk.data(), kChunk) || in.gcount() > 0) {
    text.append(chunk, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxInputBytes)
      return base::fail(base::Code::TooLarge, "input is larger than 256 MiB");
  }
  if (in.bad()) return base::fail(base::Code::Io, "standard input cannot be read");
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::string_view content = base::trim(line);
    if (!content.empty()) lines.push_back(content);
  }
  return lines;
}

// Several lines of which most look like objects: one message a line, with mistakes in them. A
// message laid out over lines looks different.
bool looks_like_records(const std::vector<std::string_view>& lines) {
  std::size_t records = 0;
  for (const std::string_view line : lines) {
    if (line.starts_with('{') && line.ends_with('}')) ++records;
  }
  return lines.size() > 1 && records * 2 >= lines.size();
}

std::vector<schema::Verdict> judge(std::string_view text, schema::Mode mode) {
  schema::Decoder decoder;
  const auto each = [&](const std::vector<std::string_view>& lines) {
    std::vector<schema::Verdict> verdicts;
    verdicts.reserve(lines.size());
    for (const std::string_view line : lines)
      verdicts.push_back(decoder.validate(line, mode));
    return verdicts;
  };
  const std::vector<std::string_view> lines = lines_of(text);
  // A whole JSON text with more after it can only be one message a line.
  if (lines.size() > 1 && decoder.validate_all(lines.front(), mode)) return each(lines);
  if (auto whole = decoder.validate_all(text, mode)) {
    if (whole->empty()) whole->push_back({{{"", "at least one message", "an empty array"}}, {}});
    return std::move(*whole);
  }
  if (looks_like_records(lines)) return each(lines);
  std::vector<schema::Verdict> broken;
  broken.push_back(decoder.validate(text, mode));
  return broken;
}

std::string line_of(std::size_t index, const schema::Verdict& verdict, schema::Mode mode) {
  std::string text;
  base::json::Writer line(text);
  line.begin_object();
  line.field("index", static_cast<std::uint64_t>(index));
  line.field("valid", verdict.valid());
  line.key("errors");
  line.begin_array();
  for (const schema::Violation& violation : verdict.violations) {
    line.begin_object();
    line.field("pointer", violation.pointer);
    line.field("expected", violation.expected);
    line.field("found", violation.found);
    line.end_object();
  }
  line.end_array();
  if (mode == schema::Mode::Lenient) {
    line.key("leniencies");
    line.begin_array();
    for (const schema::UsedLeniency& used : verdict.leniencies) {
      line.begin_object();
      line.field("name", schema::to_string(used.leniency));
      line.field("pointer", used.pointer);
      line.end_object();
    }
    line.end_array();
  }
  line.end_object();
  return text.append("\n");
}

}  // namespace

int message_validate(const std::string& path, schema::Mode mode, std::istream& standard_input,
                     std::ostream& out, std::ostream& err) {
  const auto text = path == "-" ? read_stream(standard_input) : os::read_file(path, kMaxInputBytes);
  if (!text) {
    err << "vedette: " << (path == "-" ? "standard input" : path) << ": "
        << text.error().to_string() << '\n';
    return 2;
  }
  bool all_valid = true;
  std::size_t index = 0;
  for (const schema::Verdict& verdict : judge(*text, mode)) {
    out << line_of(index++, verdict, mode);
    all_valid = all_valid && verdict.valid();
  }
  out.flush();
  return all_valid ? 0 : 1;
}

}  // namespace cli
