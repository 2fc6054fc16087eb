#include "hub/vulnerabilities/bundle_file.h"

#include <algorithm>
#include <unordered_map>

#include <fcntl.h>

#include "base/json.h"
#include "base/text.h"
#include "os/file.h"

namespace hub::vulnerabilities {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxFlaws = 50'000;      // of one package
constexpr std::size_t kMaxPackages = 10'000;   // of one vulnerability
constexpr std::size_t kMaxKnown = 200'000;     // ids that an import remembers at once
constexpr std::int64_t kMaxRanges = 64 << 10;  // bytes, of one package and one advisory

constexpr const char* kTables = R"sql(
PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;
CREATE TABLE meta(version INTEGER NOT NULL, info TEXT NOT NULL) STRICT;
CREATE TABLE package(
  id INTEGER PRIMARY KEY, release TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(release, name)) STRICT;
CREATE TABLE advisory(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, summary TEXT NOT NULL,
  severity INTEGER NOT NULL, score REAL NOT NULL, UNIQUE(name, origin)) STRICT;
CREATE TABLE affected(
  package INTEGER NOT NULL, advisory INTEGER NOT NULL, severity INTEGER NOT NULL,
  plan INTEGER NOT NULL, ranges TEXT NOT NULL, PRIMARY KEY(package, advisory))
  WITHOUT ROWID, STRICT;
BEGIN;
)sql";

std::string to_json(const BundleInfo& info) {
  std::string out;
  Writer writer(out);
  const auto texts = [&writer](std::string_view name, const std::vector<std::string>& list) {
    writer.key(name);
    writer.begin_array();
    for (const std::string& text : list)
      writer.value(text);
    writer.end_array();
  };
  writer.begin_object();
  writer.field("name", info.name);
  writer.field("id", info.id);
  writer.field("actor", info.actor);
  writer.field("imported", base::format_rfc3339(info.imported, 9));
  writer.field("sourceBytes", info.source_bytes);
  writer.field("advisories", info.advisories);
  writer.field("packages", info.packages);
  texts("releases", info.releases);
  writer.field("format", advisories::to_string(info.contents.format));
  writer.field("records", info.contents.records);
  writer.field("malformed", info.contents.malformed);
  writer.field("irrelevant", info.contents.irrelevant);
  writer.field("withdrawn", info.contents.withdrawn);
  writer.field("bytes", info.contents.bytes);
  texts("problems", info.contents.problems);
  writer.end_object();
  return out;
}

std::int64_t number_of(const Value& object, std::string_view name) {
  const Value* value = object.find(name);
  const std::int64_t* number = value == nullptr ? nullptr : value->if_int();
  return number == nullptr ? 0 : *number;
}

std::vector<std::string> texts_of(const Value& object, std::string_view name) {
  std::vector<std::string> out;
  const Value* value = object.find(name);
  const Value::Array* array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr) return out;
  for (const Value& text : *array) {
    if (text.if_string() != nullptr) out.push_back(*text.if_string());
  }
  return out;
}

Result<BundleInfo> read_info(std::string_view text) {
  const Value json = TRY(base::json::parse(text));
  const auto count = [&json](std::string_view name) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(number_of(json, name), 0));
  };
  BundleInfo info;
  info.name = json.text_or("name", "");
  info.id = json.text_or("id", "");
  info.actor = json.text_or("actor", "");
  info.imported = TRY(base::parse_rfc3339(json.text_or("imported", ""))).utc;
  info.source_bytes = count("sourceBytes");
  info.advisories = number_of(json, "advisories");
  info.packages = number_of(json, "packages");
  info.releases = texts_of(json, "releases");
  info.contents.format = json.text_or("format", "") == to_string(advisories::Format::Osv)
                             ? advisories::Format::Osv
                             : advisories::Format::DebianTracker;
  info.contents.records = count("records");
  info.contents.malformed = count("malformed");
  info.contents.irrelevant = count("irrelevant");
  info.contents.withdrawn = count("withdrawn");
  info.contents.bytes = count("bytes");
  info.contents.problems = texts_of(json, "problems");
  return info;
}

template <class T>
T enumerator(std::int64_t number, T last) {
  return static_cast<T>(std::clamp<std::int64_t>(number, 0, static_cast<std::int64_t>(last)));
}
advisories::Severity severity_at(const store::Statement& row, int column) {
  return enumerator(row.integer(column), advisories::Severity::Critical);
}
advisories::Plan plan_at(const store::Statement& row, int column) {
  return enumerator(row.integer(column), advisories::Plan::Undetermined);
}

// Enters advisories into a file that is being made.
class Entering {
 public:
  static Result<Entering> begin(store::Sqlite& db) {
    TRY(db.execute(kTables));
    auto package = TRY(db.prepare("INSERT INTO package(release, name) VALUES(?, ?)"));
    auto advisory = TRY(
        db.prepare("INSERT INTO advisory(name, origin, summary, severity, score) VALUES(?, ?, ?, "
                   "?, ?)"));
    auto known = TRY(db.prepare("SELECT id FROM advisory WHERE name = ? AND origin = ?"));
    auto same = TRY(db.prepare("SELECT id FROM package WHERE release = ? AND name = ?"));
    // A package may be there twice: for several binaries, or streams of a module.
    auto affected = TRY(db.prepare(
        "INSERT INTO affected VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(package, advisory) DO UPDATE "
        "SET severity = max(severity, excluded.severity), ranges = CASE WHEN ranges = "
        "excluded.ranges OR length(ranges) > ?6 THEN ranges ELSE ranges || '; ' || excluded.ranges "
        "END"));
    return Entering(db, std::move(package), std::move(advisory), std::move(known), std::move(same),
                    std::move(affected));
  }

  Result<void> add(const advisories::Advisory& advisory) {
    for (const std::string& name : advisory.names) {
      const std::int64_t id = TRY(advisory_id(name, advisory));
      for (const advisories::Affected& each : advisory.affected) {
        const std::int64_t package = TRY(package_id(each));
        affected_.bind_all(
            package, id,
            static_cast<int>(each.severity == advisories::Severity::Unknown ? advisory.severity
                                                                            : each.severity),
            static_cast<int>(each.plan), to_string(each.ranges), kMaxRanges);
        TRY(affected_.run());
      }
    }
    return {};
  }

 private:
  Entering(store::Sqlite& db, store::Statement package, store::Statement advisory,
           store::Statement known, store::Statement same, store::Statement affected)
      : db_(&db),
        package_(std::move(package)),
        advisory_(std::move(advisory)),
        known_(std::move(known)),
        same_(std::move(same)),
        affected_(std::move(affected)) {}

  Result<std::int64_t> advisory_id(const std::string& name, const advisories::Advisory& advisory) {
    const std::string key = name + "\n" + advisory.origin;
    if (advisories_.size() >= kMaxKnown) advisories_.clear();
    const auto [place, is_new] = advisories_.try_emplace(key, 0);
    if (!is_new) return place->second;
    known_.bind_all(name, advisory.origin);
    const bool found = TRY(known_.step());
    if (found) place->second = known_.integer(0);
    known_.reset();
    if (found) return place->second;
    advisory_.bind_all(name, advisory.origin, advisory.summary, static_cast<int>(advisory.severity),
                       advisory.score);
    TRY(advisory_.run());
    place->second = db_->last_insert_id();
    return place->second;
  }

  Result<std::int64_t> package_id(const advisories::Affected& affected) {
    const std::string release = to_string(affected.release);
    if (packages_.size() >= kMaxKnown) packages_.clear();
    const auto [place, is_new] = packages_.try_emplace(release + "\n" + affected.package, 0);
    if (!is_new) return place->second;
    same_.bind_all(release, affected.package);
    const bool found = TRY(same_.step());
    if (found) place->second = same_.integer(0);
    same_.reset();
    if (found) return place->second;
    package_.bind_all(release, affected.package);
    TRY(package_.run());
    place->second = db_->last_insert_id();
    return place->second;
  }

  store::Sqlite* db_;
  store::Statement package_;
  store::Statement advisory_;
  store::Statement known_;
  store::Statement same_;
  store::Statement affected_;
  std::unordered_map<std::string, std::int64_t> packages_;
  std::unordered_map<std::string, std::int64_t> advisories_;
};

Result<std::int64_t> count(store::Sqlite& db, std::string_view sql) {
  auto row = TRY(db.prepare(sql));
  if (!TRY(row.step())) return std::int64_t{0};
  return row.integer(0);
}

Result<void> fill(store::Sqlite& db, BundleInfo info, advisories::Source& source,
                  const advisories::Limits& limits, const advisories::Progress& progress) {
  {
    auto entering = TRY(Entering::begin(db));
    info.contents = TRY(read_bundle(
        source, limits, [&](const advisories::Advisory& each) { return entering.add(each); },
        progress));
  }
  info.source_bytes = source.size();
  info.advisories = TRY(count(db, "SELECT count(*) FROM advisory"));
  info.packages = TRY(count(db, "SELECT count(*) FROM package"));
  if (info.advisories == 0) {
    return fail(Code::Invalid, "bundle", -1,
                "nothing in it is about a release of a distribution that is known here");
  }
  {
    auto row = TRY(db.prepare("SELECT DISTINCT release FROM package ORDER BY release"));
    while (TRY(row.step()))
      info.releases.push_back(row.string(0));
  }
  TRY(db.run("INSERT INTO meta VALUES(?, ?)", kVersion, to_json(info)));
  return db.execute("COMMIT; CREATE INDEX affected_advisory ON affected(advisory); ANALYZE;");
}

}  // namespace

Result<void> BundleFile::write(const std::string& path, BundleInfo info, advisories::Source& source,
                               const advisories::Limits& limits,
                               const advisories::Progress& progress) {
  (void)os::remove_file(path);
  auto written = [&]() -> Result<void> {
    auto db = TRY(store::Sqlite::open(path));
    return fill(db, std::move(info), source, limits, progress);
  }();
  if (written) {
    const auto file = TRY(os::open_file(path, O_RDONLY));
    written = os::sync_data(file.get());
  }
  if (!written) (void)os::remove_file(path);
  return written;
}

Result<std::shared_ptr<const BundleFile>> BundleFile::open(const std::string& path) {
  auto db = TRY(store::Sqlite::open(path, store::SqliteMode::ReadOnly));
  BundleInfo info;
  {
    auto row = TRY(db.prepare("SELECT version, info FROM meta"));
    if (!TRY(row.step())) return fail(Code::Corrupt, "advisory bundle", -1, path);
    if (row.integer(0) != kVersion) return fail(Code::Unsupported, "advisory bundle", -1, path);
    info = TRY(read_info(row.text(1)));
  }
  return std::shared_ptr<const BundleFile>(new BundleFile(std::move(db), std::move(info)));
}

Result<std::vector<KnownFlaw>> BundleFile::flaws(std::string_view release,
                                                 std::string_view package) const {
  const std::lock_guard lock(mutex_);
  auto row = TRY(db_.prepare(
      "SELECT a.name, f.severity, f.plan, a.score, f.ranges FROM package p JOIN affected f ON "
      "f.package = p.id JOIN advisory a ON a.id = f.advisory WHERE p.release = ? AND p.name = ?"));
  row.bind_all(release, package);
  std::vector<KnownFlaw> out;
  while (TRY(row.step()) && out.size() < kMaxFlaws) {
    out.push_back(
        {row.string(0), severity_at(row, 1), plan_at(row, 2), row.real(3), row.string(4)});
  }
  return out;
}

Result<std::vector<KnownAdvisory>> BundleFile::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<KnownAdvisory> out;
  std::vector<std::int64_t> ids;
  {
    auto row = TRY(
        db_.prepare("SELECT id, name, origin, summary, severity, score FROM advisory WHERE name = "
                    "? ORDER BY origin LIMIT 1000"));
    row.bind_all(name);
    while (TRY(row.step())) {
      ids.push_back(row.integer(0));
      out.push_back(
          {row.string(1), row.string(2), row.string(3), severity_at(row, 4), row.real(5), {}});
    }
  }
  auto row = TRY(db_.prepare(
      "SELECT p.release, p.name, f.severity, f.plan, f.ranges FROM affected f JOIN package p ON "
      "p.id = f.package WHERE f.advisory = ? ORDER BY p.name, p.release"));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    row.bind_all(ids[i]);
    while (TRY(row.step()) && out[i].packages.size() < kMaxPackages) {
      out[i].packages.push_back(
          {row.string(0), row.string(1), severity_at(row, 2), plan_at(row, 3), row.string(4)});
    }
    row.reset();
  }
  return out;
}

}  // namespace hub::vulnerabilities
