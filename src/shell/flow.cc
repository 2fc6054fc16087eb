#include "shell/flow.h"

#include <algorithm>
#include <array>

#include "shell/decode.h"

namespace shell {
namespace {

// Programs whose output is made of their input.
constexpr std::array<std::string_view, 44> kFilters = {
    "awk",        "b64decode", "base32",   "base64", "bunzip2",  "bzcat", "bzip2", "cat",
    "cut",        "dd",        "dos2unix", "egrep",  "fold",     "gawk",  "grep",  "gunzip",
    "gzip",       "head",      "iconv",    "jq",     "lzma",     "mawk",  "nl",    "openssl",
    "pv",         "rev",       "sed",      "sort",   "tac",      "tail",  "tee",   "tr",
    "uncompress", "uniq",      "unxz",     "unzstd", "uudecode", "xxd",   "xz",    "xzcat",
    "yq",         "zcat",      "zstd",     "zstdcat"};
static_assert(std::ranges::is_sorted(kFilters));

std::string joined(std::span<const Word> words) {
  std::string out;
  for (const Word& word : words) {
    if (!out.empty()) out += ' ';
    out += word.text;
  }
  return out;
}

std::string echoed(std::span<const Word> words) {
  bool escapes = false;
  while (!words.empty() && words.front().text.size() > 1 && words.front().text.front() == '-' &&
         words.front().text.find_first_not_of("neE", 1) == std::string_view::npos) {
    escapes = escapes || words.front().text.find('e') != std::string_view::npos;
    words = words.subspan(1);
  }
  std::string text = joined(words);
  return escapes ? unescape(text) : text;
}

// The format with its arguments, where it has %s and %b only.
std::optional<std::string> printed(std::span<const Word> words) {
  if (!words.empty() && words.front().text == "--") words = words.subspan(1);
  if (words.empty()) return std::nullopt;
  const std::string format = unescape(words.front().text);
  words = words.subspan(1);
  std::string out;
  do {
    const std::size_t before = words.size();
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        out += format[i];
        continue;
      }
      const char kind = i + 1 < format.size() ? format[++i] : '%';
      if (kind == '%') {
        out += '%';
      } else if (kind == 's' || kind == 'b') {
        if (words.empty()) continue;
        out += kind == 'b' ? unescape(words.front().text) : std::string(words.front().text);
        words = words.subspan(1);
      } else {
        return std::nullopt;
      }
    }
    if (words.size() == before) break;
  } while (!words.empty() && out.size() < kMaxDecoded);
  return out;
}

std::string reversed_lines(std::string_view text) {
  std::string out(text);
  auto begin = out.begin();
  while (begin != out.end()) {
    const auto end = std::find(begin, out.end(), '\n');
    std::reverse(begin, end);
    begin = end == out.end() ? end : end + 1;
  }
  return out;
}

bool decodes_openssl(const Arguments& arguments) {
  const auto& operands = arguments.operands();
  const bool named =
      std::ranges::any_of(operands, [](const Word* word) { return word->text == "base64"; });
  return arguments.has("-d") &&
         (named || arguments.has("-base64") || arguments.has("-a") || arguments.has("-A"));
}

// What a decoder makes of its input; nullopt: it is none, or the text is none.
std::optional<std::string> decoded_by(std::string_view program, const Arguments& arguments,
                                      std::string_view text) {
  const bool wanted = arguments.has("-d") || arguments.has("-D") || arguments.has("--decode") ||
                      arguments.has("-di") || arguments.has("--d");
  if (program == "base64" && wanted) return decode_base64(text);
  if (program == "base32" && wanted) return decode_base32(text);
  if (program == "openssl" && decodes_openssl(arguments)) return decode_base64(text);
  if (program == "b64decode") return decode_base64(text);
  if (program == "xxd" && arguments.has("-r")) return decode_hex(text);
  return std::nullopt;
}

std::optional<std::string> filtered_by(std::string_view program, const Arguments& arguments,
                                       std::string_view text) {
  const auto& operands = arguments.operands();
  if (program == "rev") return reversed_lines(text);
  if (program == "tr" && arguments.has("-d") && operands.size() == 1)
    return without(text, operands[0]->text);
  if (program == "tr" && operands.size() == 2 && arguments.options().empty())
    return translate(text, operands[0]->text, operands[1]->text);
  if (program == "tee") return std::string(text);
  if (program == "cat" && (operands.empty() || operands[0]->text == "-")) return std::string(text);
  return std::nullopt;
}

}  // namespace

Flow output_of(std::string_view program, std::span<const Word> words, const Arguments& arguments,
               const Flow& in, Arena& arena) {
  Flow out;
  if (program == "echo") {
    out.text = arena.keep(echoed(words));
  } else if (program == "printf") {
    if (const auto text = printed(words)) out.text = arena.keep(*text);
  } else if (std::ranges::binary_search(kFilters, program)) {
    out.fetched = in.fetched;
    out.decoded = in.decoded;
    if (!in.text) return out;
    if (const auto text = decoded_by(program, arguments, *in.text)) {
      out.text = arena.keep(*text);
      out.decoded = true;
    } else if (const auto same = filtered_by(program, arguments, *in.text)) {
      out.text = arena.keep(*same);
      // Turned around or with other letters: somebody did not want it to be read.
      out.decoded = out.decoded || *same != *in.text;
    }
  }
  return out;
}

}  // namespace shell
