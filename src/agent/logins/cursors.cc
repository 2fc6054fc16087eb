#include "agent/logins/cursors.h"

#include <charconv>
#include <optional>

#include "base/json.h"

namespace agent::logins {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Numbers as text: inodes take all 64 bits.
std::optional<std::uint64_t> number(const base::json::Value& value, std::string_view name) {
  const std::string_view text = value.text_or(name, "");
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

Result<Cursors> read_cursors(std::string_view json) {
  const auto value = TRY(base::json::parse(json));
  Cursors cursors;
  cursors.journal = value.text_or("journal", "");
  const auto* const files = value.find("files");
  if (files == nullptr || files->if_object() == nullptr)
    return fail(Code::Malformed, "cursors", -1, "no files");
  for (const auto& [path, position] : *files->if_object()) {
    const auto device = number(position, "device");
    const auto inode = number(position, "inode");
    const auto offset = number(position, "offset");
    if (!device || !inode || !offset) return fail(Code::Malformed, "cursors", -1, path);
    cursors.files[path] = {*device, *inode, *offset};
  }
  return cursors;
}

std::string write_cursors(const Cursors& cursors) {
  std::string text;
  base::json::Writer out(text);
  out.begin_object();
  out.field("journal", cursors.journal);
  out.key("files");
  out.begin_object();
  for (const auto& [path, position] : cursors.files) {
    out.key(path);
    out.begin_object();
    out.field("device", std::to_string(position.device));
    out.field("inode", std::to_string(position.inode));
    out.field("offset", std::to_string(position.offset));
    out.end_object();
  }
  out.end_object();
  out.end_object();
  text += '\n';
  return text;
}

}  // namespace agent::logins
