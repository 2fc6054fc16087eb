#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "sensor/inventory/saved.h"

namespace sensor::inventory {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

// With bytes that transfers as text would change.
constexpr std::string_view kMagic = "\x89VDINV\r\n";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHead = 8 + 4 + 8;
constexpr std::size_t kTail = 4;
constexpr std::size_t kMaxId = 64;

std::unexpected<base::Error> corrupt(std::string detail, std::size_t at) {
  return fail(Code::Corrupt, "inventory", static_cast<std::int64_t>(at), std::move(detail));
}

Result<ToldIds> decode_told(Cursor& in) {
  ToldIds told;
  const std::uint32_t count = TRY(in.u32le());
  if (count > Inventory::kMaxNodes) return fail(Code::Malformed, "told ids");
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint8_t size = TRY(in.u8());
    const std::string_view id = base::as_text(TRY(in.bytes(size)));
    const auto time = static_cast<std::int64_t>(TRY(in.u64le()));
    if (id.empty() || size > kMaxId || !base::is_utf8(id) || time < 0)
      return fail(Code::Malformed, "told id");
    told.emplace(id, base::WallTime(std::chrono::nanoseconds(time)));
  }
  return told;
}

Result<Saved> decode_body(Cursor& in) {
  Saved saved;
  saved.inventory = TRY(Inventory::load(in));
  saved.told = TRY(decode_told(in));
  if (!in.done()) return fail(Code::Malformed, "bytes after the end");
  return saved;
}

}  // namespace

base::ByteVec encode(const Inventory& inventory, const ToldIds& told) {
  base::ByteWriter body;
  inventory.save(body);
  std::uint32_t count = 0;
  base::ByteWriter ids;
  for (const auto& [id, time] : told) {
    if (id.size() > kMaxId || count == Inventory::kMaxNodes) continue;
    ++count;
    ids.u8(static_cast<std::uint8_t>(id.size()));
    ids.text(id);
    ids.u64le(static_cast<std::uint64_t>(time.time_since_epoch().count()));
  }
  body.u32le(count);
  body.bytes(ids.view());
  base::ByteWriter out;
  out.reserve(kHead + body.size() + kTail);
  out.text(kMagic);
  out.u32le(kVersion);
  out.u64le(body.size());
  out.bytes(body.view());
  out.u32le(base::crc32c(out.view()));
  return std::move(out).take();
}

Result<Saved> decode(base::ByteView content) {
  if (!base::as_text(content).starts_with(kMagic))
    return corrupt("it does not begin as an inventory does", 0);
  if (content.size() < kHead + kTail) return corrupt("it ends too early", content.size());
  Cursor head(content.subspan(kMagic.size()));
  const std::uint32_t version = TRY(head.u32le());
  if (version != kVersion) {
    return fail(Code::Unsupported, "inventory", -1,
                "version " + std::to_string(version) + " of the format; this program reads " +
                    std::to_string(kVersion));
  }
  const std::uint64_t size = TRY(head.u64le());
  if (size != content.size() - kHead - kTail) {
    return corrupt("it says that it has " + std::to_string(size) + " bytes, and has " +
                       std::to_string(content.size() - kHead - kTail),
                   kMagic.size() + 4);
  }
  Cursor tail(content.last(kTail));
  if (TRY(tail.u32le()) != base::crc32c(content.first(content.size() - kTail)))
    return corrupt("its checksum is not that of its content", content.size() - kTail);
  Cursor body(content.subspan(kHead, size));
  auto saved = decode_body(body);
  if (!saved) return corrupt(saved.error().to_string(), kHead + body.offset());
  return saved;
}

}  // namespace sensor::inventory
