#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/jobs/job.h"

// Imports and exports of all identities, through blobs of the hub's own containers.
namespace hub::jobs {

enum class TransferKind : std::uint8_t { Import, Export };
std::string_view to_string(TransferKind kind);  // import, export

struct BlobPlace {
  std::string container;
  std::string blob;
};

struct Transfer {
  std::string id;
  TransferKind kind = TransferKind::Export;
  BlobPlace input;   // of an import: one identity a line
  BlobPlace output;  // of an export; of an import its container gets importErrors.log
  bool exclude_keys = false;
  std::string actor;
  // The hub's own.
  Status status = Status::Queued;
  unsigned progress = 0;      // percent
  std::uint64_t lines = 0;    // that were done
  std::uint64_t refused = 0;  // of these
  base::WallTime created;
  std::optional<base::WallTime> started;
  std::optional<base::WallTime> ended;
  std::string failure;
};

// What a client asks for: places are still the addresses of containers, with their signatures.
// Errors: Invalid (the detail says what). Threads: pure.
base::Result<Transfer> read_transfer(const base::json::Value& body);

// As clients read it, in an object of its own. `base`: https://host, before the containers' paths;
// their signatures are not told.
void write_transfer(base::json::Writer& writer, const Transfer& transfer, std::string_view base);

// What of a list was refused: a line of importErrors.log.
void write_refusal(base::json::Writer& writer, const identity::Name& name, std::string_view code,
                   std::string_view text, std::uint64_t line);

}  // namespace hub::jobs
