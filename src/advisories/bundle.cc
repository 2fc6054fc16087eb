#include "advisories/bundle.h"

#include <algorithm>
#include <array>
#include <optional>

#include "advisories/inflate.h"
#include "advisories/osv.h"
#include "advisories/splitter.h"
#include "advisories/tracker.h"
#include "advisories/zip.h"
#include "base/text.h"

namespace advisories {

using base::Code;
using base::fail;
using base::Result;

std::string_view to_string(Format format) {
  return format == Format::Osv ? "osv" : "debian-tracker";
}

namespace {

constexpr std::size_t kPiece = std::size_t{256} << 10U;

// Cuts JSON text that comes into records, reads these, and gives away what they say.
class Reading {
 public:
  Reading(const Limits& limits, const AdvisorySink& sink) : limits_(limits), sink_(sink) {}

  // Text of one file, in pieces.
  Result<void> take(std::string_view text) {
    contents.bytes += text.size();
    if (contents.bytes > limits_.total) return fail(Code::TooLarge, "bundle");
    if (splitter_) return feed(text);
    begin_ += text;
    const auto shape = shape_of(begin_);
    if (!shape && begin_.size() < kShapePrefix) return {};
    return start(shape);
  }
  // The file is over.
  Result<void> finish() {
    if (!splitter_) TRY(start(shape_of(begin_)));
    auto ended = splitter_->finish(records());
    if (failed_) return std::unexpected(*std::move(failed_));
    TRY(std::move(ended));
    contents.malformed += splitter_->too_large() + splitter_->broken();
    if (splitter_->too_large() > 0) tell("records were larger than are read");
    if (splitter_->broken() > 0) tell("lines ended within a document");
    return {};
  }

  // A document of OSV by itself; `where` names it.
  Result<void> document(std::string_view where, std::string_view json) {
    contents.format = Format::Osv;
    return give(where, osv_.read(json));
  }
  void malformed(std::string problem) {
    ++contents.malformed;
    tell(std::move(problem));
  }

  Contents contents;

 private:
  Result<void> start(std::optional<Shape> shape) {
    if (!shape) {
      return fail(Code::Unsupported, "bundle", -1,
                  "neither the Debian security tracker's JSON nor OSV");
    }
    contents.format = *shape == Shape::Tracker ? Format::DebianTracker : Format::Osv;
    splitter_.emplace(*shape, limits_.record);
    return feed(begin_);
  }

  Splitter::Sink records() {
    return [this](const Splitter::Record& record) {
      if (failed_) return;
      auto given = contents.format == Format::Osv
                       ? give("", osv_.read(record.json))
                       : give(std::string(record.package) + " " + std::string(record.name),
                              tracker_.read(record.package, record.name, record.json));
      if (!given) failed_ = std::move(given.error());
    };
  }

  Result<void> feed(std::string_view text) {
    auto fed = splitter_->feed(text, records());
    if (failed_) return std::unexpected(*std::move(failed_));
    return fed;
  }

  Result<void> give(std::string_view where, Result<Advisory> read) {
    if (!read) {
      std::string place(where);
      if (place.empty())
        place = "document " + std::to_string(contents.records + contents.malformed + 1);
      malformed(place + ": " + read.error().detail);
      return {};
    }
    ++contents.records;
    if (read->withdrawn) ++contents.withdrawn;
    if (read->affected.empty()) {
      ++contents.irrelevant;
      return {};
    }
    return sink_(*read);
  }

  // Names in it are foreign.
  void tell(std::string problem) {
    if (contents.problems.size() >= limits_.problems) return;
    problem.resize(std::min<std::size_t>(problem.size(), 300));
    problem = base::to_utf8(problem);
    std::ranges::replace_if(
        problem, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    contents.problems.push_back(std::move(problem));
  }

  const Limits& limits_;
  const AdvisorySink& sink_;
  std::string begin_;
  std::optional<Splitter> splitter_;
  std::optional<base::Error> failed_;
  TrackerReader tracker_;
  OsvReader osv_;
};

Result<void> stopped() {
  return fail(Code::Closed, "bundle", -1, "stopped");
}

// The whole source in pieces.
template <class Take>
Result<void> each_piece(Source& source, const Progress& progress, Take take) {
  base::ByteVec piece(kPiece);
  for (std::uint64_t at = 0; at < source.size();) {
    const std::size_t count = TRY(source.read_at(piece, at));
    if (count == 0) break;
    TRY(take(base::ByteView(piece).first(count)));
    at += count;
    if (!progress(at)) return stopped();
  }
  return {};
}

Result<void> read_zip(Source& source, const Limits& limits, const Progress& progress,
                      Reading& reading) {
  std::string content;
  std::uint64_t read = 0;
  std::uint64_t documents = 0;
  TRY(each_zip_entry(source, [&](const ZipEntry& entry) -> Result<void> {
    if (!entry.name.ends_with(".json")) return {};
    ++documents;
    const auto unpacked = read_zip_entry(source, entry, limits.record, content);
    if (!unpacked) {
      // What the file itself does not give ends it; the rest is that entry's.
      if (unpacked.error().code == Code::Io) return std::unexpected(unpacked.error());
      reading.malformed(entry.name + ": " + unpacked.error().to_string());
      return {};
    }
    reading.contents.bytes += content.size();
    if (reading.contents.bytes > limits.total) return fail(Code::TooLarge, "bundle");
    content.reserve(content.size() + Splitter::kPadding);
    TRY(reading.document(entry.name, content));
    read += entry.packed;
    if (documents % 256 == 0 && !progress(std::min(read, source.size()))) return stopped();
    return {};
  }));
  if (documents == 0)
    return fail(Code::Unsupported, "bundle", -1, "the archive has no documents (*.json)");
  reading.contents.format = Format::Osv;
  return {};
}

}  // namespace

Result<Contents> read_bundle(Source& source, const Limits& limits, const AdvisorySink& sink,
                             const Progress& progress) {
  Reading reading(limits, sink);
  std::array<std::uint8_t, 4> magic{};
  const std::size_t count = TRY(source.read_at(magic, 0));
  if (count == magic.size() && magic[0] == 'P' && magic[1] == 'K') {
    TRY(read_zip(source, limits, progress, reading));
    return std::move(reading.contents);
  }
  if (count == magic.size() && magic[0] == 0x1F && magic[1] == 0x8B) {
    Inflate inflate(Inflate::Wrapping::Gzip);
    TRY(each_piece(source, progress, [&](base::ByteView piece) {
      return inflate.feed(piece, [&](std::string_view text) { return reading.take(text); });
    }));
    if (!inflate.complete()) return fail(Code::Truncated, "gzip file");
  } else {
    TRY(each_piece(source, progress,
                   [&](base::ByteView piece) { return reading.take(base::as_text(piece)); }));
  }
  TRY(reading.finish());
  return std::move(reading.contents);
}

}  // namespace advisories
