// What is done about pieces when the store is opened, and when one is found damaged.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/log.h"
#include "store/event_store_state.h"
#include "store/piece_file.h"

namespace store {

base::Result<bool> EventStore::State::examine_pieces(duck::Connection& connection,
                                                     bool thoroughly) {
  std::string sql;
  for (const PieceRecord& piece : TRY(read_pieces(connection))) {
    // What is known to be damaged has to prove that it is not.
    const bool all = thoroughly || !piece.damage.empty();
    const std::string damage =
        find_damage(connection, piece, pieces_folder, all ? Depth::Full : Depth::Quick);
    if (damage == piece.damage) continue;
    if (damage.empty()) {
      LOG_NOTICE("store.piece_sound").field("path", piece_path(pieces_folder, piece));
    } else {
      LOG_ERROR("store.piece_damaged")
          .field("path", piece_path(pieces_folder, piece))
          .field("rows", piece.rows)
          .field("error", damage);
    }
    sql +=
        fmt::format("UPDATE piece SET damage = {} WHERE id = {};\n", duck::quote(damage), piece.id);
  }
  if (sql.empty()) {
    TRY(count_pieces(connection));
    return false;
  }
  auto done = connection.execute("BEGIN;\n" + sql);
  for (const TableDefinition* table : tables_with_pieces()) {
    if (done) done = make_relation(connection, *table, pieces_folder);
  }
  if (done) done = connection.execute("COMMIT");
  if (!done) {
    (void)connection.execute("ROLLBACK");
    return std::unexpected(std::move(done.error()));
  }
  TRY(count_pieces(connection));
  return true;
}

// A database that knows of no pieces, beside pieces: the one that listed them was lost. What they
// hold is listed again. Files that others replaced are left out: a crash may have kept them.
base::Result<void> EventStore::State::adopt_pieces(duck::Connection& connection) {
  std::vector<PieceFile> found;
  std::set<std::uint64_t> replaced;
  for (PieceFile& file : piece_files(pieces_folder)) {
    auto read = read_piece(connection, file);
    auto ids = read ? read_replaced(connection, file.path) : std::unexpected(read.error());
    if (!ids) {
      LOG_ERROR("store.adopt").field("path", file.path).field("error", ids.error().to_string());
      continue;
    }
    replaced.insert(ids->begin(), ids->end());
    found.push_back(std::move(file));
  }
  std::string sql = "BEGIN;\n";
  std::uint64_t rows = 0;
  std::uint64_t last = 0;
  for (PieceFile& file : found) {
    last = std::max(last, file.piece.id);
    if (replaced.contains(file.piece.id)) continue;
    // Merged anew if its day has others.
    file.piece.merged = false;
    sql += insert_piece_sql(file.piece);
    rows += file.piece.rows;
  }
  LOG_WARNING("store.adopted").field("folder", pieces_folder).field("rows", rows);
  TRY(connection.execute(sql + fmt::format("UPDATE next_piece SET id = {};\nCOMMIT", last + 1)));
  TRY(count_pieces(connection));
  return make_views(connection);
}

base::Result<void> EventStore::State::tidy_pieces(duck::Connection& connection) {
  const PiecesOwner owner = TRY(read_owner(pieces_folder));
  std::uint64_t next = TRY(read_next_piece(connection));
  std::uint64_t highest = 0;
  for (const PieceFile& file : piece_files(pieces_folder))
    highest = std::max(highest, file.piece.id);
  const bool is_new = next == 1 && journal_sequence == 0;
  const bool ours = owner.tenant.empty() ? !is_new || highest == 0
                                         : owner.tenant == tenant && owner.last_piece < next;
  if (ours) {
    std::vector<std::uint64_t> known;
    auto rows = TRY(connection.query("SELECT id FROM piece"));
    while (TRY(rows.next())) {
      for (idx_t row = 0; row < rows.size(); ++row)
        known.push_back(static_cast<std::uint64_t>(rows.column(0).as<std::int64_t>(row)));
    }
    remove_orphans(pieces_folder, known);
  } else if (is_new) {
    TRY(adopt_pieces(connection));
  } else {
    // What is in them may be in this database, too.
    LOG_ERROR("store.newer_pieces")
        .field("folder", pieces_folder)
        .field("why",
               "the event store is an older copy than the pieces beside it; they are kept, "
               "and those that it does not list are not used");
    TRY(connection.execute(
        fmt::format("UPDATE next_piece SET id = {}", std::max(next, highest + 1))));
  }
  if (owner.tenant == tenant) return {};
  next = TRY(read_next_piece(connection));
  return write_owner(pieces_folder, {tenant, next - 1});
}

base::Result<void> EventStore::State::count_pieces(duck::Connection& connection) {
  const auto counts = TRY(connection.numbers(
      "SELECT count(*), count(*) FILTER (damage <> ''), CAST(sum(bytes) AS BIGINT) FROM piece"));
  pieces = static_cast<std::uint64_t>(counts[0]);
  damaged_pieces = static_cast<std::uint64_t>(counts[1]);
  piece_bytes = static_cast<std::uint64_t>(counts[2]);
  return {};
}

}  // namespace store
