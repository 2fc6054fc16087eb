#include "agent/collect/container_state.h"

#include <utility>

#include "base/json.h"

namespace agent::collect {

namespace {

using base::Code;
using base::Result;
using base::json::Value;

std::string image_name(std::string_view name) {
  return name.size() > kMaxImageName ? std::string() : std::string(name);
}

// The text `name` of the object `within` of the document.
Result<std::string> named_text(std::string_view json, std::string_view within,
                               std::string_view name) {
  const Value document = TRY(base::json::parse(json));
  if (document.if_object() == nullptr) return base::fail(Code::Malformed, "container state", 0);
  const Value* const object = document.find(within);
  return object == nullptr ? std::string() : image_name(object->text_or(name, ""));
}

// Of the storage's users, each of which may write what it likes there.
std::string image_of_metadata(std::string_view json) {
  const auto metadata = base::json::parse(json);
  return metadata ? image_name(metadata->text_or("image-name", "")) : std::string();
}

}  // namespace

Result<std::string> image_of_docker(std::string_view json) {
  return named_text(json, "Config", "Image");
}

Result<std::string> image_of_bundle(std::string_view json) {
  return named_text(json, "annotations", "io.kubernetes.cri.image-name");
}

Result<std::vector<StoredContainer>> stored_containers(std::string_view json, std::size_t limit) {
  const Value document = TRY(base::json::parse(json));
  const Value::Array* const list = document.if_array();
  if (list == nullptr) return base::fail(Code::Malformed, "container list", 0);
  std::vector<StoredContainer> found;
  for (const Value& one : *list) {
    if (found.size() == limit) break;
    StoredContainer container{std::string(one.text_or("id", "")),
                              image_of_metadata(one.text_or("metadata", ""))};
    if (!container.id.empty() && !container.image.empty()) found.push_back(std::move(container));
  }
  return found;
}

}  // namespace agent::collect
