#include "detect/process_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "detect/process_memory.h"

namespace detect {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr base::WallTime kBegin{std::chrono::seconds(1'790'000'000)};

struct Start {
  std::string executable;
  std::string command_line;
  std::int64_t process = 0;
  std::int64_t parent = 0;
  schema::ExtraDetails details = {};
};

schema::Event event_of(Start start, std::chrono::seconds at = {}) {
  schema::ProcessCreate item;
  item.executable = std::move(start.executable);
  item.command_line = std::move(start.command_line);
  item.process_id = start.process;
  item.parent_process_id = start.parent;
  item.user_name = "root";
  item.extra_details = std::move(start.details);
  schema::Event event;
  event.id = base::Guid::derived("process_commands_test", item.command_line);
  event.time.utc = kBegin + at;
  event.payload = schema::payload_of(std::move(item));
  return event;
}

schema::Event end_of(std::int64_t process) {
  schema::Event event;
  event.payload =
      schema::payload_of(schema::ProcessTerminate{.executable = "/x", .process_id = process});
  return event;
}

std::vector<std::string> texts(const sigma::Subject& subject, shell::Field field) {
  const auto values = subject.values(sigma::command_field(field));
  return {values.begin(), values.end()};
}

Origin origin(std::string_view device = "d1") {
  return {device, "agent", kBegin, 1};
}

// Reads events, which live as long as what was read of them.
class Reading {
 public:
  void read(schema::Event event, std::size_t item, const Origin& from) {
    event_ = std::move(event);
    commands_.read(event_, item, from);
  }
  ProcessCommands* operator->() { return &commands_; }

 private:
  schema::Event event_;
  ProcessCommands commands_;
};

TEST(ProcessCommands, AncestorsComeFromEarlierEvents) {
  Reading commands;
  commands.read(event_of({"/usr/bin/apt-get", "apt-get install x", 10, 1}), 0, origin());
  commands.read(event_of({"/usr/bin/dpkg", "dpkg -i x", 11, 10}), 0, origin());
  commands.read(event_of({"/usr/bin/dpkg", "dpkg -i y", 11, 10}), 0, origin("d2"));
  commands.read(
      event_of({"/bin/sh", "sh x.postinst", 12, 11, {{"ParentExecutable", "/usr/bin/dpkg"}}}), 0,
      origin());
  EXPECT_THAT(texts(commands->subject(0), shell::Field::Ancestor), ElementsAre("dpkg", "apt-get"));
  EXPECT_THAT(texts(commands->subject(0), shell::Field::ParentName), ElementsAre("dpkg"));
  // The script, too.
  ASSERT_EQ(commands->size(), 2U);
  EXPECT_THAT(texts(commands->subject(1), shell::Field::Ancestor), ElementsAre("dpkg", "apt-get"));

  // What ended is nobody's ancestor, and other devices have processes of their own.
  commands.read(end_of(10), 0, origin());
  EXPECT_EQ(commands->size(), 0U);
  commands.read(event_of({"/bin/ls", "ls", 13, 11}), 0, origin());
  EXPECT_THAT(texts(commands->subject(0), shell::Field::Ancestor), ElementsAre("dpkg"));
  commands.read(event_of({"/bin/ls", "ls", 13, 12}), 0, origin("d2"));
  EXPECT_THAT(texts(commands->subject(0), shell::Field::Ancestor), IsEmpty());
}

// Names are looked at after the process itself was noted, which may move or take their place.
TEST(ProcessCommands, AncestorsStayUntilTheNextEvent) {
  Reading commands;
  for (std::int64_t process = 2; process < 5000; ++process) {
    // Heard of just now: the tree keeps it.
    commands.read(event_of({"/usr/bin/root", "root", 1, 0}), 0, origin());
    commands.read(event_of({"/usr/bin/sh", "sh", process, 1}), 0, origin());
    ASSERT_THAT(texts(commands->subject(0), shell::Field::Ancestor), ElementsAre("root"));
  }
  // The number of the parent comes round again.
  commands.read(event_of({"/usr/bin/other", "other", 1, 1}), 0, origin());
  EXPECT_THAT(texts(commands->subject(0), shell::Field::Ancestor), ElementsAre("root"));
  commands.read(event_of({"/usr/bin/sh", "sh", 6000, 1}), 0, origin());
  EXPECT_THAT(texts(commands->subject(0), shell::Field::Ancestor), ElementsAre("other"));
}

TEST(ProcessCommands, DownloadsOfEarlierEventsAreKnown) {
  Reading commands;
  const schema::Event download =
      event_of({"/usr/bin/curl", "curl -o /tmp/agent http://x/a", 10, 1});
  commands.read(download, 0, origin());
  ASSERT_TRUE(commands->downloads());
  Evidence evidence;
  evidence.event_id = download.id;
  evidence.time = download.time.utc;
  commands->remember(evidence);

  const auto from = [&](std::string_view device, std::chrono::seconds at) {
    commands.read(event_of({"/tmp/agent", "/tmp/agent -d", 11, 1}, at), 0, origin(device));
    return texts(commands->subject(0), shell::Field::RunsEarlierDownload);
  };
  EXPECT_THAT(from("d1", std::chrono::seconds(40)), ElementsAre("http://x/a"));
  ASSERT_EQ(commands->downloads_run(0).size(), 1U);
  EXPECT_EQ(commands->downloads_run(0).front().event_id, download.id);
  EXPECT_FALSE(commands->downloads());
  EXPECT_THAT(from("d1", std::chrono::minutes(10)), ElementsAre("http://x/a"));
  EXPECT_THAT(from("d1", std::chrono::seconds(601)), IsEmpty());
  EXPECT_THAT(from("d1", std::chrono::seconds(-1)), IsEmpty());
  EXPECT_THAT(from("d2", std::chrono::seconds(40)), IsEmpty());
  commands->forget();
  EXPECT_THAT(from("d1", std::chrono::seconds(40)), IsEmpty());
}

TEST(ProcessCommands, SayWhereTheyStood) {
  Reading commands;
  commands.read(event_of({"/bin/sh", "sh -c nohup id | cat", 10, 1}), 0, origin());
  ASSERT_EQ(commands->size(), 3U);
  EXPECT_EQ(commands->where(0).pattern, "the process itself");
  EXPECT_EQ(commands->where(1).pattern, "in a shell's text, by nohup");
  EXPECT_EQ(commands->where(1).value, "id");
  EXPECT_EQ(commands->where(2).pattern, "in a shell's text");
}

TEST(ProcessCommands, CountWhatTheyLeaveOut) {
  Reading commands;
  std::string line = "sh -c a";
  for (std::size_t i = 0; i < shell::kMaxCommands; ++i)
    line += ";a";
  commands.read(event_of({"/bin/sh", line, 10, 1}), 0, origin());
  EXPECT_EQ(commands->counters().cut, 1U);
}

TEST(ProcessTree, IsBounded) {
  ProcessTree tree;
  constexpr std::int64_t kMany = 3 * static_cast<std::int64_t>(ProcessTree::kProcesses);
  for (std::int64_t process = 2; process < kMany; ++process)
    tree.started("d", process, process - 1, "p" + std::to_string(process % 7));
  EXPECT_GT(tree.evicted(), ProcessTree::kProcesses);
  std::vector<std::string_view> names;
  tree.ancestors("d", kMany - 1, names);
  ASSERT_FALSE(names.empty());
  EXPECT_LE(names.size(), ProcessTree::kAncestors);
  EXPECT_EQ(names.front(), "p" + std::to_string((kMany - 1) % 7));
  // A circle ends.
  tree.forget();
  tree.started("d", 5, 6, "a");
  tree.started("d", 6, 5, "b");
  names.clear();
  tree.ancestors("d", 5, names);
  EXPECT_EQ(names.size(), ProcessTree::kAncestors);
}

TEST(Downloads, AreBounded) {
  Downloads downloads;
  for (std::size_t i = 0; i < Downloads::kFiles + 10; ++i)
    downloads.add({"d", "/tmp/" + std::to_string(i), "http://x", {}});
  EXPECT_EQ(downloads.evicted(), 10U);
  EXPECT_EQ(downloads.find("d", "/tmp/9", {}), nullptr);
  EXPECT_NE(downloads.find("d", "/tmp/10", {}), nullptr);
  // The same file again keeps its place.
  for (std::size_t i = 0; i < 2 * Downloads::kFiles; ++i)
    downloads.add({"d", "/tmp/x", "http://x", {}});
  EXPECT_NE(downloads.find("d", "/tmp/x", {}), nullptr);
}

}  // namespace
}  // namespace detect
