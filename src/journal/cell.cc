#include "journal/cell.h"

#include <algorithm>

#include <fcntl.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "os/file.h"

namespace journal {

using base::ByteVec;
using base::ByteView;
using base::Cursor;
using base::Result;

namespace {

constexpr std::size_t kSlotBytes = 4096;
constexpr std::size_t kSlots = 3;
constexpr std::size_t kHeaderBytes = 16;
static_assert(Cell::kMaxValueBytes + kHeaderBytes <= kSlotBytes);

struct Slot {
  std::uint64_t generation = 0;
  std::string value;
};

std::optional<Slot> read_slot(ByteView bytes) {
  Cursor cursor(bytes);
  const auto checksum = cursor.u32le();
  const auto length = cursor.u32le();
  const auto generation = cursor.u64le();
  if (!checksum || !length || !generation || *generation == 0) return std::nullopt;
  const auto value = cursor.bytes(*length);
  if (!value || base::crc32c(bytes.subspan(4, kHeaderBytes - 4 + *length)) != *checksum) {
    return std::nullopt;
  }
  return Slot{*generation, std::string(base::as_text(*value))};
}

}  // namespace

Result<Cell> Cell::open(const std::string& path) {
  Cell cell;
  const bool fresh = !os::file_exists(path);
  cell.file_ = std::make_shared<os::Fd>(TRY(os::open_file(path, O_RDWR | O_CREAT)));
  ByteVec bytes(kSlots * kSlotBytes);
  const std::size_t size = TRY(os::read_at(cell.file_->get(), bytes, 0));
  bool found = false;
  for (std::size_t i = 0; i < kSlots; ++i) {
    auto slot = read_slot(ByteView(bytes).subspan(i * kSlotBytes, kSlotBytes));
    if (!slot || (found && slot->generation < cell.generation_)) continue;
    found = true;
    cell.latest_ = cell.durable_ = i;
    cell.generation_ = slot->generation;
    cell.value_ = std::move(slot->value);
  }
  const bool blank = std::all_of(bytes.begin(), bytes.end(), [](auto byte) { return byte == 0; });
  cell.damaged_ = !found && !blank;
  if (size < bytes.size()) {
    TRY(os::write_all_at(cell.file_->get(), ByteView(bytes).subspan(size), size));
  }
  // What was read may have been in memory only, and from here on counts as durable.
  TRY(os::sync_data(cell.file_->get()));
  if (fresh) {
    const std::size_t slash = path.find_last_of('/');
    TRY(os::sync_dir(slash == std::string::npos ? "." : path.substr(0, slash + 1)));
  }
  return cell;
}

Result<void> Cell::write(std::string_view value) {
  if (value.size() > kMaxValueBytes) return base::fail(base::Code::TooLarge, "cell value");
  base::ByteWriter writer;
  writer.u32le(0);
  writer.u32le(static_cast<std::uint32_t>(value.size()));
  writer.u64le(generation_ + 1);
  writer.text(value);
  writer.patch_u32le(0, base::crc32c(writer.view().subspan(4)));
  std::size_t slot = latest_;
  while (slot == durable_ || slot == syncing_)
    slot = (slot + 1) % kSlots;
  TRY(os::write_all_at(file_->get(), writer.view(), slot * kSlotBytes));
  latest_ = slot;
  ++generation_;
  value_ = value;
  return {};
}

void Cell::begin_sync(SyncJob& job) {
  ASSERT(!syncing_);
  if (synced()) return;
  syncing_ = latest_;
  job.add_file(file_);
}

void Cell::end_sync(bool succeeded) {
  if (succeeded && syncing_) durable_ = *syncing_;
  syncing_.reset();
}

Result<void> Cell::sync() {
  if (synced()) return {};
  TRY(os::sync_data(file_->get()));
  durable_ = latest_;
  syncing_.reset();  // overtaken: its end_sync() has nothing to say
  return {};
}

}  // namespace journal
