#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <zlib.h>

#include "advisories/bundle.h"
#include "base/bytes.h"

// For the tests of readers of bundles.
namespace advisories {

class TextSource final : public Source {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  base::Result<std::size_t> read_at(std::span<std::uint8_t> bytes, std::uint64_t at) override {
    if (at >= text_.size()) return std::size_t{0};
    const auto rest = std::string_view(text_).substr(static_cast<std::size_t>(at));
    const std::size_t count = std::min(bytes.size(), rest.size());
    std::memcpy(bytes.data(), rest.data(), count);
    return count;
  }

 private:
  std::string text_;
};

// DEFLATE without a head (`window` -15), with that of gzip (31).
inline std::string deflated(std::string_view text, int window) {
  z_stream stream{};
  ::deflateInit2(&stream, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(base::as_bytes(text).data());  // zlib only reads it
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

inline void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

struct ZipFile {
  std::string name;
  std::string content;
  int method = 8;
};

// An archive of these, as zip writes it; `large`: with the numbers of zip64.
inline std::string zipped(const std::vector<ZipFile>& files, bool large = false) {
  std::string out;
  std::string directory;
  for (const ZipFile& file : files) {
    const std::string packed = file.method == 8 ? deflated(file.content, -15) : file.content;
    const std::uint64_t at = out.size();
    put(out, 0x04034B50, 4);
    put(out, 20, 2);
    put(out, 0, 2);
    put(out, static_cast<std::uint64_t>(file.method), 2);
    put(out, 0, 8);
    put(out, packed.size(), 4);
    put(out, file.content.size(), 4);
    put(out, file.name.size(), 2);
    put(out, 0, 2);
    out += file.name + packed;
    put(directory, 0x02014B50, 4);
    put(directory, 20, 2);
    put(directory, 20, 2);
    put(directory, 0, 2);
    put(directory, static_cast<std::uint64_t>(file.method), 2);
    put(directory, 0, 8);
    put(directory, large ? 0xFFFFFFFF : packed.size(), 4);
    put(directory, large ? 0xFFFFFFFF : file.content.size(), 4);
    put(directory, file.name.size(), 2);
    put(directory, large ? 28 : 0, 2);
    put(directory, 0, 2);
    put(directory, 0, 8);
    put(directory, large ? 0xFFFFFFFF : at, 4);
    directory += file.name;
    if (!large) continue;
    put(directory, 1, 2);
    put(directory, 24, 2);
    put(directory, file.content.size(), 8);
    put(directory, packed.size(), 8);
    put(directory, at, 8);
  }
  const std::uint64_t directory_at = out.size();
  out += directory;
  if (large) {
    const std::uint64_t end_at = out.size();
    put(out, 0x06064B50, 4);
    put(out, 44, 8);
    put(out, 45, 2);
    put(out, 45, 2);
    put(out, 0, 8);
    put(out, files.size(), 8);
    put(out, files.size(), 8);
    put(out, directory.size(), 8);
    put(out, directory_at, 8);
    put(out, 0x07064B50, 4);
    put(out, 0, 4);
    put(out, end_at, 8);
    put(out, 1, 4);
  }
  put(out, 0x06054B50, 4);
  put(out, 0, 4);
  put(out, large ? 0xFFFF : files.size(), 2);
  put(out, large ? 0xFFFF : files.size(), 2);
  put(out, large ? 0xFFFFFFFF : directory.size(), 4);
  put(out, large ? 0xFFFFFFFF : directory_at, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace advisories
