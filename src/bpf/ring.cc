#include "bpf/ring.h"

#include <atomic>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace bpf {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

// Each record: length with two state bits, page offset, data; to a multiple of eight.
constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint32_t kBusyBit = 1U << 31U;
constexpr std::uint32_t kDiscardBit = 1U << 30U;
constexpr std::uint32_t kLengthMask = kDiscardBit - 1;
// Room for several hundred execs, and for the longest record wherever it begins.
constexpr std::size_t kWindowBytes = 256U << 10U;
// Space is given back to the kernel at least this often.
constexpr std::size_t kReleaseEvery = 64;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::uint64_t load(const std::uint64_t* position) {
  return std::atomic_ref<std::uint64_t>(*const_cast<std::uint64_t*>(position))
      .load(std::memory_order_acquire);
}

void* map(int fd, std::size_t size, int protection, std::size_t offset) {
  void* const mapped =
      ::mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace

Result<Ring> Ring::open(int map_fd, std::size_t size) {
  ASSERT(size >= page_size() && (size & (size - 1)) == 0);
  Ring ring;
  ring.map_fd_ = map_fd;
  ring.size_ = size;
  ring.consumer_ = static_cast<std::uint64_t*>(map(map_fd, page_size(), PROT_READ | PROT_WRITE, 0));
  if (ring.consumer_ == nullptr) return fail_errno("mmap ring consumer");
  ring.producer_ =
      static_cast<const std::uint64_t*>(map(map_fd, page_size(), PROT_READ, page_size()));
  if (ring.producer_ == nullptr) return fail_errno("mmap ring producer");
  return ring;
}

Ring::Ring(Ring&& other) noexcept {
  *this = std::move(other);
}

Ring& Ring::operator=(Ring&& other) noexcept {
  if (this == &other) return *this;
  reset();
  map_fd_ = std::exchange(other.map_fd_, -1);
  size_ = std::exchange(other.size_, 0);
  consumer_ = std::exchange(other.consumer_, nullptr);
  producer_ = std::exchange(other.producer_, nullptr);
  window_ = std::exchange(other.window_, nullptr);
  window_begin_ = std::exchange(other.window_begin_, 0);
  window_size_ = std::exchange(other.window_size_, 0);
  return *this;
}

Ring::~Ring() {
  reset();
}

void Ring::reset() {
  if (window_ != nullptr) ::munmap(const_cast<std::uint8_t*>(window_), window_size_);
  if (consumer_ != nullptr) ::munmap(consumer_, page_size());
  if (producer_ != nullptr) ::munmap(const_cast<std::uint64_t*>(producer_), page_size());
  window_ = nullptr;
  consumer_ = nullptr;
  producer_ = nullptr;
}

// The kernel maps the data twice in a row, so that a record that wraps lies in one piece, and a
// window may run past the end of the first copy.
Result<const std::uint8_t*> Ring::at(std::uint64_t position, std::size_t length) {
  const std::size_t offset = static_cast<std::size_t>(position) & (size_ - 1);
  const bool inside = window_ != nullptr && offset >= window_begin_ &&
                      offset + length <= window_begin_ + window_size_;
  if (inside) return window_ + (offset - window_begin_);
  if (window_ != nullptr) ::munmap(const_cast<std::uint8_t*>(window_), window_size_);
  window_ = nullptr;
  window_begin_ = offset & ~(page_size() - 1);
  const std::size_t wanted = std::max(
      kWindowBytes, (offset - window_begin_ + length + page_size() - 1) & ~(page_size() - 1));
  window_size_ = std::min(wanted, 2 * size_ - window_begin_);
  if (offset + length > window_begin_ + window_size_)
    return fail(Code::Malformed, "ring record", -1, "longer than the ring");
  window_ = static_cast<const std::uint8_t*>(
      map(map_fd_, window_size_, PROT_READ, 2 * page_size() + window_begin_));
  if (window_ == nullptr) return fail_errno("mmap ring data");
  return window_ + (offset - window_begin_);
}

Result<std::size_t> Ring::drain(std::size_t limit,
                                const std::function<void(base::ByteView)>& on_record) {
  std::size_t count = 0;
  std::uint64_t position = load(consumer_);
  const auto release = [this, &position] {
    std::atomic_ref<std::uint64_t>(*consumer_).store(position, std::memory_order_release);
  };
  while (count < limit && position < load(producer_)) {
    const std::uint8_t* const header = TRY(at(position, kHeaderBytes));
    const auto* const length_at =
        reinterpret_cast<const std::uint32_t*>(header);  // eight-byte aligned
    const std::uint32_t word =
        std::atomic_ref<std::uint32_t>(*const_cast<std::uint32_t*>(length_at))
            .load(std::memory_order_acquire);
    if ((word & kBusyBit) != 0) break;
    const std::size_t length = word & kLengthMask;
    if ((word & kDiscardBit) == 0) {
      const std::uint8_t* const record = TRY(at(position, kHeaderBytes + length));
      on_record({record + kHeaderBytes, length});
      ++count;
    }
    position += (kHeaderBytes + length + 7) & ~std::uint64_t{7};
    if (count % kReleaseEvery == 0) release();
  }
  release();
  return count;
}

std::size_t Ring::backlog() const {
  return static_cast<std::size_t>(load(producer_) - load(consumer_));
}

}  // namespace bpf
