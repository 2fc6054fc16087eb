#include "hub/twins/twin_table.h"

#include <array>

#include "base/id.h"
#include "base/text.h"
#include "hub/twins/twin_outbox.h"

namespace hub::twins {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

constexpr std::string_view kFirstStep = R"sql(
  CREATE TABLE twin (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    version INTEGER NOT NULL,
    tags TEXT NOT NULL,
    desired TEXT NOT NULL,
    desired_metadata TEXT NOT NULL,
    desired_version INTEGER NOT NULL,
    reported TEXT NOT NULL,
    reported_metadata TEXT NOT NULL,
    reported_version INTEGER NOT NULL,
    PRIMARY KEY (device_id, module_id)
  ) WITHOUT ROWID, STRICT;
)sql";

Result<Value> read_object(std::string_view text) {
  auto value = base::json::parse(text);
  if (!value || value->if_object() == nullptr) return fail(Code::Corrupt, "twin");
  return Result<Value>(std::in_place, std::move(*value));
}

}  // namespace

std::string first_etag() {
  return "AAAAAAAAAAE=";
}

std::string new_etag() {
  std::array<std::uint8_t, 8> bytes{};
  base::random_bytes(bytes);
  return base::base64_encode(bytes);
}

Result<void> TwinTable::migrate(store::Sqlite& database) {
  const std::array steps{kFirstStep, TwinOutbox::migration()};
  return database.migrate("twin", steps);
}

Result<Twin> TwinTable::find(const identity::Name& name, std::string_view generation_id) {
  Twin twin;
  twin.name = name;
  twin.etag = first_etag();
  auto row = TRY(database_.prepare(
      "SELECT etag, version, tags, desired, desired_metadata, desired_version, reported, "
      "reported_metadata, reported_version FROM twin WHERE device_id = ? AND module_id = ? AND "
      "generation_id = ?"));
  row.bind_all(name.device_id, name.module_id, generation_id);
  if (!TRY(row.step())) return twin;
  twin.etag = row.string(0);
  twin.version = row.integer(1);
  twin.tags.properties = TRY(read_object(row.text(2)));
  twin.desired = {TRY(read_object(row.text(3))), TRY(read_object(row.text(4))), row.integer(5)};
  twin.reported = {TRY(read_object(row.text(6))), TRY(read_object(row.text(7))), row.integer(8)};
  return twin;
}

Result<void> TwinTable::store(const Twin& twin, std::string_view generation_id) {
  return database_.run("INSERT OR REPLACE INTO twin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       twin.name.device_id, twin.name.module_id, generation_id, twin.etag,
                       twin.version, twin.tags.properties.to_json(),
                       twin.desired.properties.to_json(), twin.desired.metadata.to_json(),
                       twin.desired.version, twin.reported.properties.to_json(),
                       twin.reported.metadata.to_json(), twin.reported.version);
}

Result<void> TwinTable::note(const TwinNote& note) {
  return TwinOutbox::note(database_, note);
}

Result<void> TwinTable::erase(const identity::Name& name) {
  return database_.run("DELETE FROM twin WHERE device_id = ? AND (? = '' OR module_id = ?)",
                       name.device_id, name.module_id, name.module_id);
}

}  // namespace hub::twins
