#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

// What the storage clients of Azure's SDKs ask of a blob endpoint. Threads: pure.
// Source: the REST API of Azure's blob storage: Put Blob, Put Block, Put Block List.
namespace hub::uploads {

inline constexpr std::string_view kContainer = "device-uploads";
inline constexpr std::size_t kMaxBlocks = 50'000;
inline constexpr std::size_t kMaxBlockId = 64;          // before base64
inline constexpr std::size_t kMaxBlobName = 1024;       // characters are bytes here
inline constexpr std::size_t kMaxBlockList = 8 << 20U;  // bytes of its XML

enum class BlobVerb : std::uint8_t { PutBlob, PutBlock, PutBlockList };

// A PUT below /device-uploads/.
struct BlobRequest {
  BlobVerb verb = BlobVerb::PutBlob;
  std::string blob;       // decoded: device/name
  std::string upload_id;  // what the link was made for
  std::string expiry;     // as it was signed
  std::string signature;  // decoded from base64
  std::string block_id;   // decoded from base64; PutBlock only
};

// Is the target of a request one for the blob endpoint?
bool is_blob_target(std::string_view target);

// Errors: Invalid (what is missing or not served: a code of the storage service as `detail`),
// Malformed (encoding). Unknown parameters are skipped, as they are in signed links.
base::Result<BlobRequest> read_blob_request(std::string_view target);

// The block ids, decoded, in their order. Latest, Committed and Uncommitted are the same here,
// where a blob is committed once. Errors: Malformed, TooLarge (more than kMaxBlocks).
base::Result<std::vector<std::string>> read_block_list(std::string_view xml);

// May a device call its file so? Any text without control characters; no segment is empty, "." or
// "..". Errors: Invalid (the detail says what).
base::Result<void> check_blob_name(std::string_view name);

}  // namespace hub::uploads
