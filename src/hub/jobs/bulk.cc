#include "hub/jobs/bulk.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

constexpr std::array<std::pair<std::string_view, ImportMode>, 9> kModes = {{
    {"create", ImportMode::Create},
    {"update", ImportMode::Update},
    {"updateIfMatchETag", ImportMode::UpdateIfMatch},
    {"createOrUpdate", ImportMode::CreateOrUpdate},
    {"createOrUpdateIfMatchETag", ImportMode::CreateOrUpdateIfMatch},
    {"delete", ImportMode::Delete},
    {"deleteIfMatchETag", ImportMode::DeleteIfMatch},
    {"updateTwin", ImportMode::UpdateTwin},
    {"updateTwinIfMatchETag", ImportMode::UpdateTwinIfMatch},
}};

// A member that is an object where it is there and not null.
Result<std::optional<Value>> object(const Value& parent, std::string_view name) {
  const Value* member = parent.find(name);
  if (member == nullptr || member->is_null()) return std::nullopt;
  if (member->if_object() != nullptr) return *member;
  return fail(Code::Invalid, "item", -1, std::string(name) + ": expected an object");
}

Result<std::string> needed_etag(const std::string& etag) {
  if (!etag.empty()) return etag;
  return fail(Code::Conflict, "etag", -1, "the item has none");
}

Result<void> update_twin(const BulkItem& item, twins::Twins& twins, std::string if_match,
                         std::string_view actor) {
  if (!item.tags && !item.desired) return {};
  twins::Update update;
  update.tags = item.tags;
  update.desired = item.desired;
  update.if_match = std::move(if_match);
  TRY(twins.update(item.description.name, update, actor));
  return {};
}

// The identity is made or changed; its twin's turn.
Result<void> then_twin(const BulkItem& item, twins::Twins& twins, std::string_view actor) {
  auto updated = update_twin(item, twins, {}, actor);
  if (updated) return updated;
  base::Error error = std::move(updated).error();
  error.detail += " (the identity itself was taken)";
  return std::unexpected(std::move(error));
}

Result<void> create_or_update(const BulkItem& item, identity::Registry& registry,
                              std::string if_match, std::string_view actor) {
  const auto known = registry.get(item.description.name);
  if (known) {
    TRY(registry.update(item.description.name, to_change(item.description, std::move(if_match)),
                        actor));
    return {};
  }
  if (known.error().code != Code::NotFound) return std::unexpected(known.error());
  TRY(registry.create(to_new_identity(item.description), actor));
  return {};
}

}  // namespace

std::optional<ImportMode> parse_import_mode(std::string_view text) {
  for (const auto& [name, mode] : kModes) {
    if (base::equal_ignore_case(name, text)) return mode;
  }
  return std::nullopt;
}

Result<BulkItem> read_bulk_item(const Value& item, ImportMode otherwise) {
  BulkItem read;
  read.description = TRY(read_description(item));
  if (read.description.name.device_id.empty())
    return fail(Code::Invalid, "item", -1, "id is missing");
  read.mode = otherwise;
  if (const Value* mode = item.find("importMode"); mode != nullptr && !mode->is_null()) {
    const auto* text = mode->if_string();
    const auto known = text == nullptr ? std::nullopt : parse_import_mode(*text);
    if (!known) return fail(Code::Invalid, "item", -1, "importMode is not one of IoT Hub's");
    read.mode = *known;
  }
  read.tags = TRY(object(item, "tags"));
  if (const auto properties = TRY(object(item, "properties")))
    read.desired = TRY(object(*properties, "desired"));
  read.twin_etag = unquoted(item.text_or("twinETag", item.text_or("twinEtag", "")));
  return read;
}

Result<void> apply(const BulkItem& item, identity::Registry& registry, twins::Twins& twins,
                   std::string_view actor) {
  const Description& wanted = item.description;
  switch (item.mode) {
    case ImportMode::Create:
      TRY(registry.create(to_new_identity(wanted), actor));
      return then_twin(item, twins, actor);
    case ImportMode::Update:
      TRY(registry.update(wanted.name, to_change(wanted, "*"), actor));
      return then_twin(item, twins, actor);
    case ImportMode::UpdateIfMatch:
      TRY(registry.update(wanted.name, to_change(wanted, TRY(needed_etag(wanted.etag))), actor));
      return then_twin(item, twins, actor);
    case ImportMode::CreateOrUpdate:
      TRY(create_or_update(item, registry, "*", actor));
      return then_twin(item, twins, actor);
    case ImportMode::CreateOrUpdateIfMatch:
      TRY(create_or_update(item, registry, wanted.etag, actor));
      return then_twin(item, twins, actor);
    case ImportMode::Delete:
      return registry.remove(wanted.name, "*", actor);
    case ImportMode::DeleteIfMatch:
      return registry.remove(wanted.name, TRY(needed_etag(wanted.etag)), actor);
    case ImportMode::UpdateTwin:
      TRY(registry.get(wanted.name));
      return update_twin(item, twins, "*", actor);
    case ImportMode::UpdateTwinIfMatch:
      return update_twin(item, twins, TRY(needed_etag(item.twin_etag)), actor);
  }
  return fail(Code::Invalid, "item");
}

}  // namespace hub::jobs
