#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/duck.h"
#include "store/manifest.h"

// Files of pieces, for the sources of this folder.
namespace store {

struct FileDigest {
  std::uint64_t bytes = 0;
  std::string sha256;  // hexadecimal
};
// Reads all of it. Errors: Io, NotFound.
base::Result<FileDigest> digest_file(const std::string& path);

// The file and its name survive a crash. Errors: Io, NotFound.
base::Result<void> make_durable(const std::string& path);

// Quick: it is there, as long as it was, and its contents can be listed. Full: every byte is as it
// was, too.
enum class Depth : std::uint8_t { Quick, Full };
// What is wrong with the file, for people; empty: nothing. `connection` may read the folder.
std::string find_damage(duck::Connection& connection, const PieceRecord& piece,
                        const std::string& folder, Depth depth);

// Whether a statement failed with this because of a file of a piece.
bool is_about_pieces(const base::Error& error);

// Whose pieces a folder holds, in a file beside them. A database that was lost or put back from an
// older copy must not take newer pieces for what a crash left behind.
struct PiecesOwner {
  std::string tenant;            // empty: nobody has claimed the folder
  std::uint64_t last_piece = 0;  // the highest that was ever entered
};
base::Result<PiecesOwner> read_owner(const std::string& folder);
base::Result<void> write_owner(const std::string& folder, const PiecesOwner& owner);

// A file in the folder of pieces that is named and placed as one of these is. Only what its name
// says is known of it.
struct PieceFile {
  std::string path;
  PieceRecord piece;  // id, table and day
};
std::vector<PieceFile> piece_files(const std::string& folder);
// Learns the rest from the contents. Errors: Corrupt (it cannot be read, or its columns are not the
// table's).
base::Result<void> read_piece(duck::Connection& connection, PieceFile& file);
// The ids of the pieces whose rows this one has now. Errors: those of the database.
base::Result<std::vector<std::uint64_t>> read_replaced(duck::Connection& connection,
                                                       const std::string& path);

// Removes what is in the folder and not in the list: files that a crash left behind before they
// were entered, or after they were taken out.
void remove_orphans(const std::string& folder, const std::vector<std::uint64_t>& known);

}  // namespace store
