#include "advisories/inflate.h"

#include <algorithm>

#define ZLIB_CONST
#include <zlib.h>

namespace advisories {

using base::Code;
using base::fail;
using base::Result;

namespace {
constexpr std::size_t kRoom = 65536;
}

struct Inflate::State {
  z_stream stream{};
  bool ready = false;
  bool ended = true;  // between members
  bool any = false;
  Wrapping wrapping{};
  std::unique_ptr<std::uint8_t[]> room = std::make_unique_for_overwrite<std::uint8_t[]>(kRoom);
};

Inflate::Inflate(Wrapping wrapping) : state_(std::make_unique<State>()) {
  constexpr int kWindow = 15;
  state_->wrapping = wrapping;
  state_->ready =
      ::inflateInit2(&state_->stream, wrapping == Wrapping::Gzip ? kWindow + 16 : -kWindow) == Z_OK;
}

Inflate::~Inflate() {
  if (state_->ready) ::inflateEnd(&state_->stream);
}

bool Inflate::complete() const {
  return state_->any && state_->ended;
}

Result<void> Inflate::feed(base::ByteView bytes, const Sink& sink) {
  State& state = *state_;
  if (!state.ready) return fail(Code::Full, "inflate");
  z_stream& stream = state.stream;
  while (!bytes.empty()) {
    if (state.ended && state.any) {
      // One member more; nothing follows where there are none.
      if (state.wrapping == Wrapping::None) return fail(Code::Malformed, "deflated data");
      if (::inflateReset(&stream) != Z_OK) return fail(Code::Malformed, "deflated data");
    }
    state.ended = false;
    state.any = true;
    stream.next_in = bytes.data();
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), 1U << 20U));
    const std::size_t given = stream.avail_in;
    stream.next_out = state.room.get();
    stream.avail_out = kRoom;
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t used = given - stream.avail_in;
    const std::size_t made = kRoom - stream.avail_out;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      return fail(Code::Malformed, "deflated data");
    bytes = bytes.subspan(used);
    state.ended = result == Z_STREAM_END;
    if (made > 0) TRY(sink(base::as_text({state.room.get(), made})));
    if (used == 0 && made == 0 && !state.ended) return fail(Code::Malformed, "deflated data");
  }
  // What did not fit into the room the last time.
  while (!state.ended && state.any) {
    stream.next_in = nullptr;
    stream.avail_in = 0;
    stream.next_out = state.room.get();
    stream.avail_out = kRoom;
    const int result = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t made = kRoom - stream.avail_out;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      return fail(Code::Malformed, "deflated data");
    state.ended = result == Z_STREAM_END;
    if (made == 0) break;
    TRY(sink(base::as_text({state.room.get(), made})));
  }
  return {};
}

}  // namespace advisories
