#include "detect/memory.h"

#include <array>
#include <vector>

#include "base/bytes.h"

namespace detect {
namespace {

constexpr std::array<std::string_view, 1> kMigrations = {R"sql(
CREATE TABLE detector_memory(
  owner TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(owner, key)) WITHOUT ROWID;
)sql"};

}  // namespace

std::span<const std::string_view> memory_migrations() {
  return kMigrations;
}

base::Result<void> write_memory(store::Sqlite& db, std::span<const OwnedChange> changes) {
  if (changes.empty()) return {};
  auto put = TRY(db.prepare("INSERT OR REPLACE INTO detector_memory VALUES(?, ?, ?)"));
  auto forget = TRY(db.prepare("DELETE FROM detector_memory WHERE owner = ? AND key = ?"));
  for (const auto& [owner, change] : changes) {
    if (change.value) {
      TRY(put.bind_all(owner, base::as_bytes(change.key), base::as_bytes(*change.value)).run());
    } else {
      TRY(forget.bind_all(owner, base::as_bytes(change.key)).run());
    }
  }
  return {};
}

base::Result<std::size_t> read_memory(store::Sqlite& db, std::string_view owner,
                                      const MemoryReader& reader) {
  std::vector<OwnedChange> useless;
  {
    auto rows =
        TRY(db.prepare("SELECT key, value FROM detector_memory WHERE owner = ? "
                       "ORDER BY key"));
    rows.bind_all(owner);
    while (TRY(rows.step())) {
      const std::string_view key = base::as_text(rows.blob(0));
      if (!reader(key, base::as_text(rows.blob(1))))
        useless.push_back({std::string(owner), {std::string(key), std::nullopt}});
    }
  }
  TRY(write_memory(db, useless));
  return useless.size();
}

}  // namespace detect
