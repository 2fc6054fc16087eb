#include "hub/network/tables.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"
#include "hub/network/address.h"

namespace hub::network {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kMigrations = {R"sql(
CREATE TABLE asset(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, module TEXT NOT NULL,
  name TEXT NOT NULL, observed INTEGER NOT NULL, gone INTEGER NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, type TEXT NOT NULL, level INTEGER NOT NULL, protocols TEXT NOT NULL,
  words TEXT NOT NULL, details TEXT NOT NULL, evidence TEXT NOT NULL) STRICT;
CREATE INDEX asset_sensor ON asset(device, module, name);
CREATE INDEX asset_age ON asset(gone, last);
CREATE TABLE asset_address(
  address TEXT NOT NULL, asset INTEGER NOT NULL, PRIMARY KEY(address, asset)) WITHOUT ROWID, STRICT;
CREATE INDEX asset_address_asset ON asset_address(asset);
CREATE TABLE claim(
  device TEXT NOT NULL, address TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY(device, address)) WITHOUT ROWID, STRICT;
CREATE INDEX claim_address ON claim(address);
)sql"};

constexpr std::string_view kColumns =
    "a.number, a.id, a.device, a.module, a.gone, a.first, a.last, a.details";
constexpr int kColumnCount = 8;

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

std::string id_of(const Sensor& sensor, std::string_view name) {
  const std::string text = fmt::format("{}\n{}\n{}", sensor.device_id, sensor.module_id, name);
  return base::hex_encode(base::ByteView(base::sha256(base::as_bytes(text))).first(12));
}

base::WallTime time_of(std::string_view text, base::WallTime otherwise) {
  const auto time = base::parse_rfc3339(text);
  return time ? std::min(time->utc, otherwise) : otherwise;
}

std::string_view text_of(const std::optional<std::string>& text) {
  return text ? std::string_view(*text) : std::string_view();
}

std::string details_of(const schema::NetworkAsset& item) {
  schema::NetworkAsset plain = item;
  plain.extra_details.clear();
  schema::Event event;
  event.payload = schema::payload_of(std::move(plain));
  return schema::event_details_json(event, 0);
}

// What a search looks at.
std::string words_of(const schema::NetworkAsset& item) {
  std::string words = item.asset_id;
  for (const auto* text :
       {&item.mac_addresses, &item.ip_addresses, &item.mac_address, &item.ip_address,
        &item.asset_type, &item.vendor, &item.model, &item.order_code, &item.firmware,
        &item.serial_number, &item.asset_name, &item.hostname, &item.operating_system,
        &item.location, &item.user_name}) {
    if (*text) words += '\n' + **text;
  }
  return base::to_lower(words);
}

// Between commas, so that each can be found as a whole.
std::string protocols_of(const schema::NetworkAsset& item) {
  return base::to_lower(fmt::format(",{},{},", text_of(item.serves), text_of(item.uses)));
}

// In their order, each once.
std::vector<std::string> addresses_of(const schema::NetworkAsset& item) {
  std::vector<std::string> out;
  const auto add = [&out](std::string text) {
    if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
  };
  for (const auto* list : {&item.mac_address, &item.mac_addresses}) {
    for (const std::string_view each : base::split(text_of(*list), ','))
      if (auto found = hardware_address(each)) add(std::move(found->text));
  }
  for (const auto* list : {&item.ip_address, &item.ip_addresses}) {
    for (const std::string_view each : base::split(text_of(*list), ','))
      if (auto found = host_address(each)) add(std::move(found->text));
  }
  return out;
}

Asset read_asset(const Statement& row) {
  Asset asset;
  asset.id = row.string(1);
  asset.sensor = {row.string(2), row.string(3)};
  asset.gone = row.integer(4) != 0;
  asset.first = to_time(row.integer(5));
  asset.last = to_time(row.integer(6));
  asset.details = row.string(7);
  return asset;
}

constexpr std::string_view kConditions =
    " FROM asset a WHERE (?1 = '' OR instr(a.words, ?1) > 0) AND (?2 = '' OR a.type = ?2) AND "
    "(?3 = '' OR instr(a.protocols, ',' || ?3 || ',') > 0) AND (?4 = 0 OR a.level = ?4) AND "
    "(?5 = '' OR a.device = ?5) AND (?6 OR a.gone = 0)";

void bind_conditions(Statement& row, const AssetFilter& filter) {
  row.bind(1, base::to_lower(filter.search));
  row.bind(2, base::to_lower(filter.type));
  row.bind(3, base::to_lower(filter.protocol));
  row.bind(4, filter.level);
  row.bind(5, filter.sensor);
  row.bind(6, filter.gone);
}

}  // namespace

std::string file_beside(const std::string& state_file) {
  return std::filesystem::path(state_file).replace_filename("network.db").string();
}

Result<Writer> Writer::open(const std::string& path, const Bounds& bounds) {
  auto writer = TRY(store::Sqlite::open(path));
  TRY(writer.migrate("network", kMigrations));
  return Writer(std::move(writer), bounds);
}

Result<Reader> Reader::open(const std::string& path) {
  auto reader = TRY(store::Sqlite::open(path, store::SqliteMode::ReadOnly));
  return Reader(std::move(reader));
}

// --- what is told ---

Result<Evicted> Writer::put(std::span<const Picture> pictures, std::span<const Claim> claims) {
  auto transaction = TRY(Transaction::begin(writer_));
  Evicted evicted;
  std::set<Sensor> grown;
  for (const Picture& picture : pictures) {
    if (TRY(put_picture(picture, evicted))) grown.insert(picture.sensor);
  }
  for (const Sensor& sensor : grown)
    evicted.assets += TRY(trim_assets(&sensor, bounds_.assets_of_sensor));
  if (!grown.empty()) evicted.assets += TRY(trim_assets(nullptr, bounds_.assets));
  std::set<std::string> devices;
  for (const Claim& claim : claims) {
    if (TRY(put_claim(claim))) devices.insert(claim.device_id);
  }
  for (const std::string& device : devices)
    evicted.addresses += TRY(trim_claims(device));
  TRY(transaction.commit());
  return evicted;
}

// Whether it is a new one.
Result<bool> Writer::put_picture(const Picture& picture, Evicted& evicted) {
  const schema::NetworkAsset& item = picture.item;
  const std::string id = id_of(picture.sensor, item.asset_id);
  const base::WallTime last = time_of(item.last_seen, picture.observed);
  base::WallTime first = std::min(time_of(item.first_seen, picture.observed), last);
  bool is_new = true;
  {
    auto row = TRY(writer_.prepare("SELECT observed, first FROM asset WHERE id = ?"));
    row.bind_all(id);
    if (TRY(row.step())) {
      is_new = false;
      first = std::min(first, to_time(row.integer(1)));
      if (to_time(row.integer(0)) > picture.observed) {
        row.reset();
        TRY(writer_.run("UPDATE asset SET first = ? WHERE id = ?", to_integer(first), id));
        return false;
      }
    }
  }
  const std::string* evidence = schema::find(item.extra_details, "Evidence");
  const bool gone = item.is_gone.value_or(false);
  // What is gone says no more than that.
  const bool keep = gone && !is_new;
  if (keep) {
    TRY(writer_.run("UPDATE asset SET observed = ?, gone = 1, first = ?, last = ? WHERE id = ?",
                    to_integer(picture.observed), to_integer(first), to_integer(last), id));
  } else {
    TRY(writer_.run(
        "INSERT INTO asset(id, device, module, name, observed, gone, first, last, type, level, "
        "protocols, words, details, evidence) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(id) DO UPDATE SET observed = excluded.observed, gone = excluded.gone, first "
        "= excluded.first, last = excluded.last, type = excluded.type, level = excluded.level, "
        "protocols = excluded.protocols, words = excluded.words, details = excluded.details, "
        "evidence = excluded.evidence",
        id, picture.sensor.device_id, picture.sensor.module_id, item.asset_id,
        to_integer(picture.observed), gone, to_integer(first), to_integer(last),
        base::to_lower(text_of(item.asset_type)), item.purdue_level.value_or(0), protocols_of(item),
        words_of(item), details_of(item), evidence == nullptr ? std::string() : *evidence));
  }
  auto number = TRY(writer_.prepare("SELECT number FROM asset WHERE id = ?"));
  number.bind_all(id);
  TRY(number.step());
  const std::int64_t asset = number.integer(0);
  number.reset();
  evicted.addresses += TRY(put_addresses(asset, picture));
  return is_new;
}

// How many there was no room for.
Result<std::uint64_t> Writer::put_addresses(std::int64_t asset, const Picture& picture) {
  TRY(writer_.run("DELETE FROM asset_address WHERE asset = ?", asset));
  if (picture.item.is_gone.value_or(false)) return std::uint64_t{0};
  std::vector<std::string> addresses = addresses_of(picture.item);
  const std::uint64_t left_out = addresses.size() - std::min(addresses.size(), kAddressesOfAsset);
  addresses.resize(addresses.size() - left_out);
  for (const std::string& address : addresses)
    TRY(writer_.run("INSERT INTO asset_address VALUES(?, ?)", address, asset));
  return left_out;
}

// Whether the device did not have it.
Result<bool> Writer::put_claim(const Claim& claim) {
  TRY(
      writer_.run("UPDATE claim SET first = min(first, ?), last = max(last, ?) WHERE device = ? "
                  "AND address = ?",
                  to_integer(claim.first), to_integer(claim.last), claim.device_id, claim.address));
  if (writer_.changes() != 0) return false;
  TRY(writer_.run("INSERT INTO claim VALUES(?, ?, ?, ?)", claim.device_id, claim.address,
                  to_integer(claim.first), to_integer(claim.last)));
  return true;
}

// Of a sensor, or of all: those that are gone go first, then those that were not seen for long.
Result<std::uint64_t> Writer::trim_assets(const Sensor* sensor, std::size_t most) {
  const std::string_view whose = sensor == nullptr ? "?1 = ?2" : "device = ?1 AND module = ?2";
  const Sensor who = sensor == nullptr ? Sensor{} : *sensor;
  std::vector<std::int64_t> surplus;
  {
    auto row = TRY(writer_.prepare(fmt::format(
        "SELECT number FROM asset WHERE {0} ORDER BY gone DESC, last, number LIMIT max(0, (SELECT "
        "count(*) FROM asset WHERE {0}) - ?3)",
        whose)));
    row.bind_all(who.device_id, who.module_id, static_cast<std::int64_t>(most));
    while (TRY(row.step()))
      surplus.push_back(row.integer(0));
  }
  for (const std::int64_t number : surplus) {
    TRY(writer_.run("DELETE FROM asset_address WHERE asset = ?", number));
    TRY(writer_.run("DELETE FROM asset WHERE number = ?", number));
  }
  return std::uint64_t{surplus.size()};
}

Result<std::uint64_t> Writer::trim_claims(const std::string& device_id) {
  TRY(writer_.run(
      "DELETE FROM claim WHERE device = ?1 AND address IN (SELECT address FROM claim WHERE device "
      "= ?1 ORDER BY last, address LIMIT max(0, (SELECT count(*) FROM claim WHERE device = ?1) - "
      "?2))",
      device_id, static_cast<std::int64_t>(bounds_.addresses_of_device)));
  return static_cast<std::uint64_t>(writer_.changes());
}

Result<void> Writer::forget(const Sensor& who) {
  auto transaction = TRY(Transaction::begin(writer_));
  TRY(writer_.run(
      "DELETE FROM asset_address WHERE asset IN (SELECT number FROM asset WHERE device = ?1 AND "
      "(?2 = '' OR module = ?2))",
      who.device_id, who.module_id));
  TRY(writer_.run("DELETE FROM asset WHERE device = ?1 AND (?2 = '' OR module = ?2)", who.device_id,
                  who.module_id));
  if (who.module_id.empty()) TRY(writer_.run("DELETE FROM claim WHERE device = ?", who.device_id));
  return transaction.commit();
}

// --- what is asked ---

Result<void> Reader::read_addresses(std::vector<Asset>& assets) {
  auto row = TRY(reader_.prepare(
      "SELECT d.address FROM asset a JOIN asset_address d ON d.asset = a.number WHERE a.id = ? "
      "ORDER BY d.address"));
  for (Asset& asset : assets) {
    row.reset();
    row.bind_all(asset.id);
    while (TRY(row.step())) {
      std::string text = row.string(0);
      if (hardware_address(text)) {
        asset.hardware.push_back(std::move(text));
      } else {
        asset.addresses.push_back(std::move(text));
      }
    }
  }
  return {};
}

Result<AssetPage> Reader::list(const AssetFilter& filter) {
  std::int64_t offset = 0;
  if (!filter.cursor.empty()) {
    const auto given = base::parse_int(filter.cursor);
    if (!given || *given < 0) return fail(Code::Invalid, "cursor");
    offset = *given;
  }
  AssetPage page;
  {
    auto count = TRY(reader_.prepare(fmt::format("SELECT count(*){}", kConditions)));
    bind_conditions(count, filter);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  {
    auto row = TRY(reader_.prepare(
        fmt::format("SELECT {}{} ORDER BY a.device, a.module, a.name LIMIT ?7 OFFSET ?8", kColumns,
                    kConditions)));
    bind_conditions(row, filter);
    row.bind(7, static_cast<std::int64_t>(filter.limit));
    row.bind(8, offset);
    while (TRY(row.step()))
      page.items.push_back(read_asset(row));
  }
  TRY(read_addresses(page.items));
  const auto told = offset + static_cast<std::int64_t>(page.items.size());
  if (told < page.total && !page.items.empty()) page.next_cursor = std::to_string(told);
  return page;
}

Result<Asset> Reader::asset(std::string_view id) {
  std::vector<Asset> found;
  {
    auto row = TRY(reader_.prepare(
        fmt::format("SELECT {}, a.evidence FROM asset a WHERE a.id = ?", kColumns)));
    row.bind_all(id);
    if (!TRY(row.step())) return fail(Code::NotFound, "network asset");
    found.push_back(read_asset(row));
    found.back().evidence = row.string(kColumnCount);
  }
  TRY(read_addresses(found));
  return std::move(found.front());
}

Result<std::vector<Asset>> Reader::assets_with(std::span<const std::string> addresses) {
  std::map<std::string, Asset> found;
  {
    auto row = TRY(reader_.prepare(
        fmt::format("SELECT {} FROM asset_address d JOIN asset a ON a.number = d.asset WHERE "
                    "d.address = ? AND a.gone = 0",
                    kColumns)));
    for (const std::string& address : addresses) {
      row.reset();
      row.bind_all(address);
      while (TRY(row.step())) {
        Asset asset = read_asset(row);
        found.try_emplace(asset.id, std::move(asset));
      }
    }
  }
  std::vector<Asset> out;
  for (auto& [id, asset] : found)
    out.push_back(std::move(asset));
  TRY(read_addresses(out));
  return out;
}

namespace {

Result<std::vector<Claim>> read_claims(Statement row) {
  std::vector<Claim> out;
  while (TRY(row.step())) {
    out.push_back({row.string(0), row.string(1), to_time(row.integer(2)), to_time(row.integer(3))});
  }
  return out;
}

}  // namespace

Result<std::vector<Claim>> Reader::claims_of(std::string_view device_id) {
  auto row = TRY(reader_.prepare(
      "SELECT device, address, first, last FROM claim WHERE device = ? ORDER BY address"));
  row.bind_all(device_id);
  return read_claims(std::move(row));
}

Result<std::vector<Claim>> Reader::claimants(std::string_view address) {
  auto row = TRY(reader_.prepare(
      "SELECT device, address, first, last FROM claim WHERE address = ? ORDER BY device"));
  row.bind_all(address);
  return read_claims(std::move(row));
}

Result<std::int64_t> Reader::count() {
  auto row = TRY(reader_.prepare("SELECT count(*) FROM asset WHERE gone = 0"));
  if (!TRY(row.step())) return std::int64_t{0};
  return row.integer(0);
}

}  // namespace hub::network
