// What a crash, a bad disk or a careless hand can do to the files, at every byte of a small log.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.h"
#include "journal/log_testing.h"
#include "journal/segment.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace journal {
namespace {

namespace fs = std::filesystem;

// Where a record lies.
struct Place {
  std::uint64_t sequence = 0;
  std::size_t file = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct SmallLog {
  std::vector<std::pair<std::string, std::string>> files;  // name, content
  std::vector<Place> places;
  std::map<std::uint64_t, std::string> records;
};

constexpr Options kSmall{.segment_bytes = 150, .max_bytes = 1U << 20U, .max_record_bytes = 4096};

// Nine records of every kind of size over three files.
SmallLog make_small_log() {
  SmallLog small;
  const os::ScratchDir dir;
  const auto log = must_open(dir.path(), kSmall);
  const std::string payloads[] = {
      "first", "", std::string(60, 'x'),    "4",           std::string(100, '\0'),
      "six",   "", std::string(33, '\xff'), "the last one"};
  std::size_t file = 0;
  std::size_t at = kSegmentHeaderBytes;
  for (const std::string& payload : payloads) {
    if (at >= kSmall.segment_bytes) {
      ++file;
      at = kSegmentHeaderBytes;
    }
    put(*log, payload);
    const std::size_t end = at + kRecordHeaderBytes + payload.size();
    const std::uint64_t sequence = small.records.size() + 1;
    small.places.push_back({sequence, file, at, end});
    small.records[sequence] = payload;
    at = end;
  }
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    if (entry.path().extension() != ".seg") continue;
    small.files.emplace_back(entry.path().filename(), os::read_file(entry.path()).value());
  }
  std::sort(small.files.begin(), small.files.end());
  return small;
}

class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    small_ = make_small_log();
    ASSERT_EQ(small_.files.size(), 3U);
    ASSERT_EQ(small_.files.back().second.size(), small_.places.back().end);
  }

  // The log with one file's content replaced.
  void restore(std::size_t changed, const std::string& content) const {
    for (std::size_t i = 0; i < small_.files.size(); ++i) {
      std::ofstream out(dir_ / small_.files[i].first, std::ios::binary | std::ios::trunc);
      out << (i == changed ? content : small_.files[i].second);
    }
  }

  void remove_all() const {
    for (const auto& entry : fs::directory_iterator(dir_.path()))
      fs::remove(entry.path());
  }

  // Opens the log twice, writes in between, and checks what is there.
  void expect_survivors(const std::map<std::uint64_t, std::string>& survivors,
                        std::uint64_t next_sequence, std::uint64_t lost, bool torn) const {
    {
      const auto log = must_open(dir_.path(), kSmall);
      ASSERT_TRUE(log);
      EXPECT_EQ(read_all(*log), survivors);
      EXPECT_EQ(log->next_sequence(), next_sequence);
      EXPECT_EQ(log->recovery().records, survivors.size());
      EXPECT_EQ(log->recovery().lost_records, lost);
      EXPECT_EQ(log->recovery().torn_bytes > 0, torn);
      put(*log, "afterwards");
    }
    const auto log = must_open(dir_.path(), kSmall);
    ASSERT_TRUE(log);
    auto expected = survivors;
    expected[next_sequence] = "afterwards";
    EXPECT_EQ(read_all(*log), expected);
    EXPECT_EQ(log->recovery().torn_bytes, 0U);
    EXPECT_EQ(log->recovery().lost_records, lost);
  }

  SmallLog small_;
  os::ScratchDir dir_;
};

TEST_F(Damage, LeavesExactlyTheOtherRecordsWhateverByteChanges) {
  const auto flip_all = [](char byte) { return static_cast<char>(~byte); };
  const auto flip_low = [](char byte) { return static_cast<char>(byte ^ 1); };
  const auto flip_high = [](char byte) { return static_cast<char>(byte ^ '\x80'); };
  for (const auto& change : {+flip_all, +flip_low, +flip_high}) {
    for (std::size_t file = 0; file < small_.files.size(); ++file) {
      for (std::size_t at = 0; at < small_.files[file].second.size(); ++at) {
        SCOPED_TRACE("file " + std::to_string(file) + " byte " + std::to_string(at));
        std::string content = small_.files[file].second;
        content[at] = change(content[at]);
        restore(file, content);
        auto survivors = small_.records;
        bool last = false;
        for (const Place& place : small_.places) {
          if (place.file != file || at < place.begin || at >= place.end) continue;
          survivors.erase(place.sequence);
          last = place.sequence == small_.records.size();
        }
        // A damaged last record cannot be told from one that was never completed.
        const std::uint64_t gone = small_.records.size() - survivors.size();
        expect_survivors(survivors, survivors.rbegin()->first + 1, last ? 0 : gone, last);
        if (HasFailure()) return;
        remove_all();
      }
    }
  }
}

TEST_F(Damage, LeavesExactlyTheRecordsBeforeWhereverAFileEnds) {
  for (std::size_t file = 0; file < small_.files.size(); ++file) {
    for (std::size_t size = 0; size < small_.files[file].second.size(); ++size) {
      SCOPED_TRACE("file " + std::to_string(file) + " cut to " + std::to_string(size));
      restore(file, small_.files[file].second.substr(0, size));
      const bool last = file + 1 == small_.files.size();
      auto survivors = small_.records;
      std::uint64_t file_first = 0;
      bool at_boundary = size == 0 || size == kSegmentHeaderBytes;
      for (const Place& place : small_.places) {
        if (place.file != file) continue;
        if (file_first == 0) file_first = place.sequence;
        if (place.end > size) survivors.erase(place.sequence);
        if (place.end == size) at_boundary = true;
      }
      const std::uint64_t gone = small_.records.size() - survivors.size();
      const std::uint64_t next =
          last ? std::max(survivors.rbegin()->first + 1, file_first) : small_.records.size() + 1;
      expect_survivors(survivors, next, last ? 0 : gone, last && !at_boundary);
      if (HasFailure()) return;
      remove_all();
    }
  }
}

TEST_F(Damage, OfALostFileIsCounted) {
  restore(99, "");
  fs::remove(dir_ / small_.files[1].first);
  auto survivors = small_.records;
  std::uint64_t lost = 0;
  for (const Place& place : small_.places) {
    if (place.file == 1) lost += survivors.erase(place.sequence);
  }
  expect_survivors(survivors, 10, lost, false);
}

TEST_F(Damage, ByGarbageInTheMiddleLosesNothing) {
  std::string content = small_.files[0].second;
  content.insert(small_.places[1].begin, std::string(57, '\x05'));
  restore(0, content);
  const auto log = must_open(dir_.path(), kSmall);
  EXPECT_EQ(read_all(*log), small_.records);
  EXPECT_EQ(log->recovery().damaged_bytes, 57U);
  EXPECT_EQ(log->recovery().lost_records, 0U);
}

TEST_F(Damage, DoesNotBringARecordInsideAPayloadToLife) {
  // Somebody sends, as a payload, a record for the next sequence in our own format; then its outer
  // record is damaged. Without the segment's salt it does not pass for ours.
  const os::ScratchDir dir;
  {
    const auto log = must_open(dir.path(), kSmall);
    base::ByteVec forged;
    append_record({1, 0}, 1, base::as_bytes("forged"), forged);
    append_record({1, 0}, 2, base::as_bytes("forged"), forged);
    put(*log, base::as_text(forged));
    put(*log, "true");
  }
  for (const auto& entry : fs::directory_iterator(dir.path())) {
    if (entry.path().extension() != ".seg") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kSegmentHeaderBytes);
    file.put('\x01');
  }
  const auto log = must_open(dir.path(), kSmall);
  EXPECT_EQ(read_all(*log), (std::map<std::uint64_t, std::string>{{2, "true"}}));
}

TEST_F(Damage, WhileRunningIsPassedOver) {
  restore(99, "");
  const auto log = must_open(dir_.path(), kSmall);
  Reader reader(*log, 1);
  ASSERT_EQ(reader.next().value()->sequence, 1U);
  // In the second file, which the reader has not opened yet.
  const Place& victim = *std::find_if(small_.places.begin(), small_.places.end(),
                                      [](const Place& place) { return place.file == 1; });
  std::fstream file(dir_ / small_.files[1].first, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(victim.begin));
  file.write("????", 4);
  file.close();
  std::vector<std::uint64_t> seen;
  while (auto record = reader.next().value())
    seen.push_back(record->sequence);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 2; i <= 9; ++i) {
    if (i != victim.sequence) expected.push_back(i);
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(Damage, OfTheNewestRecordWhileRunningDoesNotStopTheReader) {
  restore(99, "");
  const auto log = must_open(dir_.path(), kSmall);
  Reader reader(*log, 9);
  std::fstream file(dir_ / small_.files[2].first, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(small_.places.back().begin));
  file.write("????", 4);
  file.close();
  EXPECT_FALSE(reader.next().value());
  put(*log, "ten");
  const auto record = reader.next().value();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->sequence, 10U);
  EXPECT_EQ(base::as_text(record->payload), "ten");
}

TEST_F(Damage, OfANewerVersionIsRefusedNotRepaired) {
  std::string content = small_.files[2].second;
  content[7] = 2;
  // With the checksum that such a version would write.
  base::ByteVec header;
  append_segment_header(*parse_segment_name(small_.files[2].first), header);
  header[7] = 2;
  const std::uint32_t sum = base::crc32c(base::ByteView(header).first(kSegmentHeaderBytes - 4));
  for (unsigned i = 0; i < 4; ++i)
    header[kSegmentHeaderBytes - 4 + i] = static_cast<std::uint8_t>(sum >> (8 * i));
  content.replace(0, kSegmentHeaderBytes, base::as_text(header));
  restore(2, content);
  const auto log = Log::open(dir_.path(), kSmall);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, base::Code::Unsupported);
  EXPECT_EQ(os::read_file(dir_ / small_.files[2].first).value(), content);
}

}  // namespace
}  // namespace journal
