#include "hub/provisioning/enrollment_table.h"

#include <array>

#include "base/id.h"
#include "base/text.h"

namespace hub::provisioning {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using store::Statement;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE provisioning_service (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    id_scope TEXT NOT NULL
  ) STRICT;
  CREATE TABLE enrollment (
    kind INTEGER NOT NULL,
    id TEXT NOT NULL COLLATE NOCASE,
    status INTEGER NOT NULL,
    attestation INTEGER NOT NULL,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    primary_certificate TEXT NOT NULL,
    secondary_certificate TEXT NOT NULL,
    device_id TEXT NOT NULL,
    tags TEXT NOT NULL,
    desired TEXT NOT NULL,
    update_assignment INTEGER NOT NULL,
    migrate_data INTEGER NOT NULL,
    etag TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE registration (
    id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY,
    kind INTEGER NOT NULL,
    enrollment_id TEXT NOT NULL COLLATE NOCASE,
    status INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    substatus TEXT NOT NULL,
    error_code INTEGER NOT NULL,
    error TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX registration_of_enrollment ON registration (kind, enrollment_id, id);
)sql"};

constexpr std::string_view kEnrollmentColumns =
    "kind, id, status, attestation, primary_key, secondary_key, primary_certificate, "
    "secondary_certificate, device_id, tags, desired, update_assignment, migrate_data, etag, "
    "created, updated";
constexpr std::string_view kRegistrationColumns =
    "id, kind, enrollment_id, status, device_id, substatus, error_code, error, operation_id, etag, "
    "created, updated";

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime from_ticks(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

// As Azure's look: 0ne and eight hex digits.
std::string make_id_scope() {
  std::array<std::uint8_t, 4> bytes{};
  base::random_bytes(bytes);
  std::string scope = "0ne";
  for (const char c : base::hex_encode(bytes))
    scope.push_back(c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c);
  return scope;
}

Result<Value> read_object(std::string_view text) {
  auto value = base::json::parse(text);
  if (!value || value->if_object() == nullptr) return fail(Code::Corrupt, "enrollment");
  return Result<Value>(std::in_place, std::move(*value));
}

Result<Enrollment> read_enrollment_row(const Statement& row) {
  Enrollment enrollment;
  enrollment.kind = static_cast<Kind>(row.integer(0));
  enrollment.id = row.string(1);
  enrollment.status = row.integer(2) == 0 ? identity::Status::Enabled : identity::Status::Disabled;
  enrollment.attestation = static_cast<Attestation>(row.integer(3));
  enrollment.keys = {row.string(4), row.string(5)};
  enrollment.primary_certificate = row.string(6);
  enrollment.secondary_certificate = row.string(7);
  enrollment.device_id = row.string(8);
  enrollment.tags = TRY(read_object(row.text(9)));
  enrollment.desired = TRY(read_object(row.text(10)));
  enrollment.update_assignment = row.integer(11) != 0;
  enrollment.migrate_data = row.integer(12) != 0;
  enrollment.etag = row.string(13);
  enrollment.created = from_ticks(row.integer(14));
  enrollment.updated = from_ticks(row.integer(15));
  return enrollment;
}

Registration read_registration_row(const Statement& row) {
  Registration registration;
  registration.id = row.string(0);
  registration.kind = static_cast<Kind>(row.integer(1));
  registration.enrollment_id = row.string(2);
  registration.status = static_cast<RegistrationStatus>(row.integer(3));
  registration.device_id = row.string(4);
  registration.substatus = row.string(5);
  registration.error_code = static_cast<int>(row.integer(6));
  registration.error = row.string(7);
  registration.operation_id = row.string(8);
  registration.etag = row.string(9);
  registration.created = from_ticks(row.integer(10));
  registration.updated = from_ticks(row.integer(11));
  return registration;
}

std::string select(std::string_view columns, std::string_view rest) {
  std::string sql = "SELECT ";
  return sql.append(columns).append(" FROM ").append(rest);
}

int number(Kind kind) {
  return static_cast<int>(kind);
}

}  // namespace

Result<void> EnrollmentTable::migrate(store::Sqlite& database) {
  TRY(database.migrate("provisioning", kSteps));
  return database.run("INSERT OR IGNORE INTO provisioning_service VALUES (1, ?)", make_id_scope());
}

Result<std::string> EnrollmentTable::id_scope() {
  auto row = TRY(database_.prepare("SELECT id_scope FROM provisioning_service"));
  if (!TRY(row.step())) return fail(Code::Corrupt, "id scope");
  return row.string(0);
}

Result<void> EnrollmentTable::insert(const Enrollment& enrollment, std::uint64_t most) {
  auto transaction = TRY(Transaction::begin(database_));
  if (TRY(count(enrollment.kind)) >= most)
    return fail(Code::Full, "enrollment", -1, "there are " + std::to_string(most) + " already");
  TRY(database_.run(
      "INSERT INTO enrollment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      number(enrollment.kind), enrollment.id, static_cast<int>(enrollment.status),
      static_cast<int>(enrollment.attestation), enrollment.keys.primary, enrollment.keys.secondary,
      enrollment.primary_certificate, enrollment.secondary_certificate, enrollment.device_id,
      enrollment.tags.to_json(), enrollment.desired.to_json(), enrollment.update_assignment,
      enrollment.migrate_data, enrollment.etag, to_ticks(enrollment.created),
      to_ticks(enrollment.updated)));
  return transaction.commit();
}

Result<Enrollment> EnrollmentTable::find(Kind kind, std::string_view id) {
  auto row =
      TRY(database_.prepare(select(kEnrollmentColumns, "enrollment WHERE kind = ? AND id = ?")));
  row.bind_all(number(kind), id);
  if (!TRY(row.step())) return fail(Code::NotFound, "enrollment", -1, std::string(id));
  return read_enrollment_row(row);
}

Result<void> EnrollmentTable::replace(const Enrollment& enrollment, std::string_view if_match) {
  TRY(database_.run(
      "UPDATE enrollment SET status = ?, attestation = ?, primary_key = ?, secondary_key = ?, "
      "primary_certificate = ?, secondary_certificate = ?, device_id = ?, tags = ?, desired = ?, "
      "update_assignment = ?, migrate_data = ?, etag = ?, updated = ? WHERE kind = ? AND id = ? "
      "AND etag = ?",
      static_cast<int>(enrollment.status), static_cast<int>(enrollment.attestation),
      enrollment.keys.primary, enrollment.keys.secondary, enrollment.primary_certificate,
      enrollment.secondary_certificate, enrollment.device_id, enrollment.tags.to_json(),
      enrollment.desired.to_json(), enrollment.update_assignment, enrollment.migrate_data,
      enrollment.etag, to_ticks(enrollment.updated), number(enrollment.kind), enrollment.id,
      if_match));
  if (database_.changes() == 1) return {};
  TRY(find(enrollment.kind, enrollment.id));
  return fail(Code::Conflict, "etag", -1, "the enrollment was changed in between");
}

Result<void> EnrollmentTable::erase(Kind kind, std::string_view id, std::string_view if_match) {
  TRY(database_.run("DELETE FROM enrollment WHERE kind = ? AND id = ? AND (? = '' OR etag = ?)",
                    number(kind), id, if_match, if_match));
  if (database_.changes() == 1) return {};
  TRY(find(kind, id));
  return fail(Code::Conflict, "etag", -1, "the enrollment was changed in between");
}

Result<Page<Enrollment>> EnrollmentTable::list(Kind kind, std::string_view search,
                                               std::size_t limit, std::string_view after) {
  Page<Enrollment> page;
  auto total =
      TRY(database_.prepare("SELECT count(*) FROM enrollment WHERE kind = ? AND (? = '' OR "
                            "instr(lower(id), lower(?)) > 0)"));
  total.bind_all(number(kind), search, search);
  TRY(total.step());
  page.total = static_cast<std::uint64_t>(total.integer(0));
  auto rows = TRY(database_.prepare(
      select(kEnrollmentColumns,
             "enrollment WHERE kind = ? AND id > ? AND (? = '' OR instr(lower(id), lower(?)) > 0) "
             "ORDER BY id LIMIT ?")));
  // One more than asked for tells whether there is a next page.
  rows.bind_all(number(kind), after, search, search, static_cast<std::int64_t>(limit) + 1);
  while (TRY(rows.step())) {
    if (page.items.size() == limit) {
      if (!page.items.empty()) page.next_cursor = page.items.back().id;
      break;
    }
    page.items.push_back(TRY(read_enrollment_row(rows)));
  }
  return page;
}

Result<std::vector<Enrollment>> EnrollmentTable::groups() {
  auto rows =
      TRY(database_.prepare(select(kEnrollmentColumns, "enrollment WHERE kind = ? ORDER BY id")));
  rows.bind_all(number(Kind::Group));
  std::vector<Enrollment> groups;
  while (TRY(rows.step()))
    groups.push_back(TRY(read_enrollment_row(rows)));
  return groups;
}

Result<std::uint64_t> EnrollmentTable::count(Kind kind) {
  auto row = TRY(database_.prepare("SELECT count(*) FROM enrollment WHERE kind = ?"));
  row.bind_all(number(kind));
  TRY(row.step());
  return static_cast<std::uint64_t>(row.integer(0));
}

Result<std::optional<Registration>> EnrollmentTable::find_registration(std::string_view id) {
  auto row = TRY(database_.prepare(select(kRegistrationColumns, "registration WHERE id = ?")));
  row.bind_all(id);
  if (!TRY(row.step())) return std::nullopt;
  return read_registration_row(row);
}

Result<void> EnrollmentTable::store_registration(const Registration& registration) {
  return database_.run(
      "INSERT OR REPLACE INTO registration VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      registration.id, number(registration.kind), registration.enrollment_id,
      static_cast<int>(registration.status), registration.device_id, registration.substatus,
      registration.error_code, registration.error, registration.operation_id, registration.etag,
      to_ticks(registration.created), to_ticks(registration.updated));
}

Result<void> EnrollmentTable::erase_registration(std::string_view id, std::string_view if_match) {
  TRY(database_.run("DELETE FROM registration WHERE id = ? AND (? = '' OR etag = ?)", id, if_match,
                    if_match));
  if (database_.changes() == 1) return {};
  if (!TRY(find_registration(id))) return fail(Code::NotFound, "registration", -1, std::string(id));
  return fail(Code::Conflict, "etag", -1, "the registration was changed in between");
}

Result<Page<Registration>> EnrollmentTable::registrations(Kind kind, std::string_view enrollment_id,
                                                          std::size_t limit,
                                                          std::string_view after) {
  Page<Registration> page;
  auto total = TRY(
      database_.prepare("SELECT count(*) FROM registration WHERE kind = ? AND enrollment_id = ?"));
  total.bind_all(number(kind), enrollment_id);
  TRY(total.step());
  page.total = static_cast<std::uint64_t>(total.integer(0));
  auto rows = TRY(database_.prepare(
      select(kRegistrationColumns,
             "registration WHERE kind = ? AND enrollment_id = ? AND id > ? ORDER BY id LIMIT ?")));
  rows.bind_all(number(kind), enrollment_id, after, static_cast<std::int64_t>(limit) + 1);
  while (TRY(rows.step())) {
    if (page.items.size() == limit) {
      if (!page.items.empty()) page.next_cursor = page.items.back().id;
      break;
    }
    page.items.push_back(read_registration_row(rows));
  }
  return page;
}

Result<std::uint64_t> EnrollmentTable::count_registrations() {
  auto row = TRY(database_.prepare("SELECT count(*) FROM registration"));
  TRY(row.step());
  return static_cast<std::uint64_t>(row.integer(0));
}

}  // namespace hub::provisioning
