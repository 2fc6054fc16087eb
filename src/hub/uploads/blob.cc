#include "hub/uploads/blob.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace hub::uploads {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxTarget = 8 * 1024;
constexpr std::size_t kMaxParameters = 32;

std::unexpected<base::Error> bad(std::string_view code) {
  return fail(Code::Invalid, "blob request", -1, std::string(code));
}

Result<std::string> decode_block_id(std::string_view text) {
  const auto bytes = base::base64_decode(text);
  if (!bytes || bytes->empty() || bytes->size() > kMaxBlockId)
    return fail(Code::Malformed, "block id", -1, "InvalidBlockId");
  return std::string(base::as_text(*bytes));
}

struct Parameters {
  std::string comp;
  std::string block_id;
  std::string expiry;
  std::string upload_id;
  std::string signature;
};

Result<Parameters> read_parameters(std::string_view query) {
  Parameters found;
  const auto pairs = base::split(query, '&');
  if (pairs.size() > kMaxParameters) return bad("InvalidQueryParameterValue");
  for (const std::string_view pair : pairs) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    std::string value = base::percent_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (name == "comp") found.comp = std::move(value);
    if (name == "blockid") found.block_id = std::move(value);
    if (name == "se") found.expiry = std::move(value);
    if (name == "si") found.upload_id = std::move(value);
    if (name == "sig") found.signature = std::move(value);
  }
  return found;
}

// What stands between the next tag and its end, which is taken off; nullopt: malformed.
struct Element {
  std::string_view name;
  std::string_view text;
};

void skip_space(std::string_view& text) {
  while (!text.empty() && std::string_view(" \t\r\n").contains(text.front()))
    text.remove_prefix(1);
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::optional<Element> next_element(std::string_view& text) {
  if (!skip(text, "<")) return std::nullopt;
  const std::size_t end = text.find('>');
  if (end == std::string_view::npos) return std::nullopt;
  Element element{text.substr(0, end), {}};
  text.remove_prefix(end + 1);
  const std::size_t close = text.find('<');
  if (close == std::string_view::npos) return std::nullopt;
  element.text = base::trim(text.substr(0, close));
  text.remove_prefix(close);
  if (!skip(text, "</") || !skip(text, element.name) || !skip(text, ">")) return std::nullopt;
  return element;
}

void skip_declaration(std::string_view& text) {
  skip(text, "\xEF\xBB\xBF");
  skip_space(text);
  if (!text.starts_with("<?xml")) return;
  const std::size_t end = text.find("?>");
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  skip_space(text);
}

}  // namespace

bool is_blob_target(std::string_view target) {
  const std::size_t length = kContainer.size();
  return target.starts_with('/') && target.substr(1, length) == kContainer &&
         target.substr(1 + length).starts_with('/');
}

Result<BlobRequest> read_blob_request(std::string_view target) {
  if (!is_blob_target(target)) return bad("ResourceNotFound");
  if (target.size() > kMaxTarget) return bad("RequestUrlFailedToParse");
  const std::size_t question = std::min(target.find('?'), target.size());
  Parameters given = TRY(read_parameters(target.substr(std::min(question + 1, target.size()))));
  BlobRequest request;
  request.blob =
      base::percent_decode(target.substr(kContainer.size() + 2, question - kContainer.size() - 2));
  if (!check_blob_name(request.blob)) return bad("InvalidResourceName");
  if (given.comp.empty()) {
    request.verb = BlobVerb::PutBlob;
  } else if (given.comp == "block") {
    request.verb = BlobVerb::PutBlock;
    request.block_id = TRY(decode_block_id(given.block_id));
  } else if (given.comp == "blocklist") {
    request.verb = BlobVerb::PutBlockList;
  } else {
    return bad("UnsupportedQueryParameter");
  }
  request.upload_id = std::move(given.upload_id);
  request.expiry = std::move(given.expiry);
  const auto signature = base::base64_decode(given.signature);
  if (!signature || signature->empty()) return bad("AuthenticationFailed");
  request.signature = base::as_text(*signature);
  return request;
}

Result<std::vector<std::string>> read_block_list(std::string_view xml) {
  const auto malformed = fail(Code::Malformed, "block list", -1, "InvalidXmlDocument");
  skip_declaration(xml);
  std::vector<std::string> blocks;
  if (skip(xml, "<BlockList/>") || skip(xml, "<BlockList />")) {
    skip_space(xml);
    if (!xml.empty()) return malformed;
    return blocks;
  }
  if (!skip(xml, "<BlockList>")) return malformed;
  for (skip_space(xml); !skip(xml, "</BlockList>"); skip_space(xml)) {
    if (blocks.size() == kMaxBlocks)
      return fail(Code::TooLarge, "block list", -1, "BlockListTooLong");
    const auto element = next_element(xml);
    if (!element || (element->name != "Latest" && element->name != "Committed" &&
                     element->name != "Uncommitted")) {
      return malformed;
    }
    blocks.push_back(TRY(decode_block_id(element->text)));
  }
  skip_space(xml);
  if (!xml.empty()) return malformed;
  return blocks;
}

Result<void> check_blob_name(std::string_view name) {
  const auto wrong = [](std::string_view what) {
    return fail(Code::Invalid, "blob name", -1, std::string(what));
  };
  if (name.empty()) return wrong("is empty");
  if (name.size() > kMaxBlobName)
    return wrong("has more than " + std::to_string(kMaxBlobName) + " bytes");
  if (!base::is_utf8(name)) return wrong("is no UTF-8");
  const bool control = std::ranges::any_of(
      name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control) return wrong("has a control character");
  for (const std::string_view segment : base::split(name, '/')) {
    if (segment.empty() || segment == "." || segment == "..")
      return wrong("has an empty, '.' or '..' segment");
  }
  return {};
}

}  // namespace hub::uploads
