#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/jobs/description.h"
#include "hub/twins/twins.h"

namespace hub::jobs {

// What is to be done with an identity of a list. "IfMatch": only where its etag is that one.
enum class ImportMode : std::uint8_t {
  Create,
  Update,
  UpdateIfMatch,
  CreateOrUpdate,
  CreateOrUpdateIfMatch,
  Delete,
  DeleteIfMatch,
  UpdateTwin,
  UpdateTwinIfMatch,
};
// create, updateIfMatchETag, ...; clients write them in any case.
std::optional<ImportMode> parse_import_mode(std::string_view text);

// One line of an import, one item of a bulk request.
struct BulkItem {
  ImportMode mode = ImportMode::CreateOrUpdate;  // where the item does not say
  Description description;
  std::optional<base::json::Value> tags;
  std::optional<base::json::Value> desired;
  std::string twin_etag;
};

// Errors: Invalid. Threads: pure.
base::Result<BulkItem> read_bulk_item(const base::json::Value& item, ImportMode otherwise);

// Does what an item asks for. What a client said of reported properties is passed over. An item
// that makes an identity and gives it a twin that is refused has made the identity all the same;
// the error says so.
// Errors: those of the registry and of the twins. Threads: any; waits for the disk.
base::Result<void> apply(const BulkItem& item, identity::Registry& registry, twins::Twins& twins,
                         std::string_view actor);

}  // namespace hub::jobs
