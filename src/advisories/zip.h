#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "advisories/bundle.h"
#include "base/result.h"

namespace advisories {

// A file in an archive.
struct ZipEntry {
  std::string name;
  std::uint64_t packed = 0;
  std::uint64_t unpacked = 0;  // as the archive says
  std::uint64_t at = 0;        // of its own head, in the archive
  int method = 0;              // 0: as it is; 8: deflated
  bool encrypted = false;
};

// Calls `take` for each entry in the archive's directory; memory is that of one. Errors: Malformed,
// Truncated, TooLarge (of an entry's name), those of the source and of `take`.
// Source: PKWARE APPNOTE 6.3.10, with the fields of zip64.
base::Result<void> each_zip_entry(Source& source,
                                  const std::function<base::Result<void>(const ZipEntry&)>& take);

// Its content into `out`, which keeps its room. Errors: TooLarge (above `most` bytes), Unsupported
// (another method, encrypted), Malformed, Truncated, those of the source.
base::Result<void> read_zip_entry(Source& source, const ZipEntry& entry, std::size_t most,
                                  std::string& out);

}  // namespace advisories
