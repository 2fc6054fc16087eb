#include "hub/jobs/transfers.h"

#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "hub/jobs/line_reader.h"
#include "hub/jobs/transfer_table.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace hub::jobs {
namespace {

using base::Code;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::json::Value json(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : base::json::Value();
}

TEST(ReadTransfer, TakesWhatTheSdkSends) {
  const auto import = read_transfer(
      json(R"({"type":"import","inputBlobContainerUri":"in","outputBlobContainerUri":"out"})"));
  ASSERT_TRUE(import);
  EXPECT_EQ(import->kind, TransferKind::Import);
  EXPECT_EQ(import->input.container, "in");
  EXPECT_EQ(import->input.blob, "devices.txt");
  EXPECT_EQ(import->output.container, "out");
  const auto out = read_transfer(
      json(R"({"type":"Export","outputBlobContainerUri":"out","outputBlobName":"all.txt",
               "excludeKeysInExport":true,"storageAuthenticationType":"keyBased"})"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->kind, TransferKind::Export);
  EXPECT_EQ(out->output.blob, "all.txt");
  EXPECT_TRUE(out->exclude_keys);
}

TEST(ReadTransfer, RefusesTheRest) {
  for (const auto& [text, why] : std::vector<std::pair<const char*, const char*>>{
           {"[]", "expected an object"},
           {R"({"outputBlobContainerUri":"o"})", "type: expected"},
           {R"({"type":"export"})", "outputBlobContainerUri is missing"},
           {R"({"type":"import","outputBlobContainerUri":"o"})",
            "inputBlobContainerUri is missing"},
           {R"({"type":"export","outputBlobContainerUri":7})", "expected text"},
           {R"({"type":"export","outputBlobContainerUri":"o","excludeKeysInExport":1})",
            "expected true or false"},
           {R"({"type":"export","outputBlobContainerUri":"o","includeConfigurations":true})",
            "includeConfigurations"},
           {R"({"type":"export","outputBlobContainerUri":"o",
                "storageAuthenticationType":"identityBased"})",
            "storageAuthenticationType"}}) {
    const auto read = read_transfer(json(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::Invalid);
    EXPECT_THAT(read.error().detail, HasSubstr(why)) << text;
  }
}

TEST(LineReader, GivesLinesOfAnyLengthWithinItsLimit) {
  const os::ScratchDir folder;
  const std::string path = folder / "lines";
  const std::string wide(100'000, 'w');  // more than a buffer
  const std::string huge(250'000, 'h');
  ASSERT_TRUE(os::write_file_atomic(path,
                                    "\xEF\xBB\xBF"
                                    "one\r\n\n" +
                                        wide + "\n" + huge + "\nlast"));
  const auto file = os::open_file(path, O_RDONLY);
  LineReader reader(file->get(), 200'000);
  std::string line;
  const auto next = [&] { return reader.next(line).value_or(LineReader::Next::End); };
  EXPECT_EQ(next(), LineReader::Next::Line);
  EXPECT_EQ(line, "one");
  EXPECT_EQ(next(), LineReader::Next::Line);
  EXPECT_EQ(line, "");
  EXPECT_EQ(next(), LineReader::Next::Line);
  EXPECT_EQ(line, wide);
  EXPECT_EQ(next(), LineReader::Next::TooLong);
  EXPECT_EQ(line.size(), 200'000U);
  EXPECT_EQ(next(), LineReader::Next::Line);
  EXPECT_EQ(line, "last");
  EXPECT_EQ(next(), LineReader::Next::End);
  EXPECT_EQ(next(), LineReader::Next::End);
}

class TransfersTest : public ::testing::Test {
 protected:
  TransfersTest() {
    const std::string path = folder_ / "state.db";
    registry_ = std::move(*identity::Registry::open({path, "hub.example"}, operations_));
    twins::Options twin_options;
    twin_options.path = path;
    twins_ = std::move(*twins::Twins::open(std::move(twin_options), *registry_, operations_));
    ContainerOptions blobs;
    blobs.path = path;
    blobs.folder = folder_ / "containers";
    containers_ = std::move(*Containers::open(std::move(blobs)));
    options_.path = path;
    container_ = containers_->create("test").value_or(Container());
  }
  void open() {
    transfers_.reset();
    auto opened = Transfers::open(options_, *registry_, *twins_, *containers_, operations_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    transfers_ = std::move(*opened);
  }

  void put(std::string_view blob, std::string_view text) {
    ContainerTarget target;
    target.container = container_.name;
    target.blob = blob;
    auto arriving = containers_->receive(target);
    ASSERT_TRUE(arriving);
    ASSERT_TRUE((*arriving)->write(base::as_bytes(text)));
    ASSERT_TRUE((*arriving)->commit());
  }
  std::string content(std::string_view blob) {
    const auto opened = containers_->read(container_.name, blob);
    if (!opened) return "none: " + opened.error().to_string();
    base::ByteVec bytes(opened->info.bytes);
    bytes.resize(os::read_at(opened->file.get(), bytes, 0).value_or(0));
    return std::string(base::as_text(bytes));
  }
  Transfer asked(TransferKind kind) {
    Transfer transfer;
    transfer.kind = kind;
    transfer.actor = "tester";
    transfer.input = {"https://hub.example" + containers_->link(container_), "devices.txt"};
    transfer.output = transfer.input;
    return transfer;
  }
  Transfer create(const Transfer& transfer) {
    const auto created = transfers_->create(transfer);
    EXPECT_TRUE(created) << created.error().to_string();
    return created ? *created : Transfer();
  }
  // Waits for it; the thread is its own.
  Transfer ended(const std::string& id) {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    for (;;) {
      const auto now = transfers_->get(id);
      EXPECT_TRUE(now);
      if (!now || now->ended || std::chrono::steady_clock::now() > limit)
        return now.value_or(Transfer());
      std::this_thread::yield();
    }
  }
  void add(const std::string& device, const std::string& module = "") {
    identity::NewIdentity wanted;
    wanted.name = {device, module};
    ASSERT_TRUE(registry_->create(wanted, "test"));
  }

  os::ScratchDir folder_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<Containers> containers_;
  Container container_;
  TransferOptions options_;
  std::unique_ptr<Transfers> transfers_;
};

TEST_F(TransfersTest, WhatIsExportedCanBeImported) {
  open();
  for (const char* device : {"d1", "d2", "d3"})
    add(device);
  add("d2", "pump");
  const auto before = registry_->get({"d2", "pump"});
  const Transfer out = ended(create(asked(TransferKind::Export)).id);
  EXPECT_EQ(out.status, Status::Completed) << out.failure;
  EXPECT_EQ(out.progress, 100U);
  EXPECT_EQ(out.lines, 4U);
  for (const char* device : {"d1", "d2", "d3"})
    ASSERT_TRUE(registry_->remove({device, ""}, "", "test"));

  const Transfer in = ended(create(asked(TransferKind::Import)).id);
  EXPECT_EQ(in.status, Status::Completed) << in.failure;
  EXPECT_EQ(in.lines, 4U);
  EXPECT_EQ(in.refused, 0U);
  EXPECT_EQ(registry_->get({"d2", "pump"})->keys.primary, before->keys.primary);
  EXPECT_EQ(*registry_->count_devices(), 3U);
  EXPECT_THAT(content("importErrors.log"), HasSubstr("none")) << "there were none";

  Transfer hidden = asked(TransferKind::Export);
  hidden.exclude_keys = true;
  hidden.output.blob = "public.txt";
  EXPECT_EQ(ended(create(hidden).id).status, Status::Completed);
  EXPECT_EQ(content("public.txt").find(before->keys.primary), std::string::npos);
  EXPECT_THAT(content("public.txt"), HasSubstr(R"("moduleId":"pump")"));
}

TEST_F(TransfersTest, AnImportSaysWhatItRefused) {
  open();
  add("known");
  put("devices.txt",
      "\xEF\xBB\xBF{\"id\":\"new\",\"importMode\":\"create\"}\r\n"
      "\n"
      "{\"id\":\"known\",\"importMode\":\"create\"}\n"
      "no json\n"
      "{\"id\":\"a/../b\"}\n"
      "{\"id\":\"gone\",\"moduleId\":\"m\",\"importMode\":\"delete\"}\n" +
          std::string(300'000, 'x') +
          "\n"
          "{\"id\":\"last\",\"tags\":{\"floor\":3}}");
  const Transfer in = ended(create(asked(TransferKind::Import)).id);
  EXPECT_EQ(in.status, Status::Completed) << in.failure;
  EXPECT_EQ(in.lines, 7U);
  EXPECT_EQ(in.refused, 5U);
  EXPECT_TRUE(registry_->get({"new", ""}));
  EXPECT_EQ(twins_->get({"last", ""})->tags.properties.to_json(), R"({"floor":3})");
  const std::string log = content("importErrors.log");
  std::vector<std::string> codes;
  for (const std::string_view line : base::split(base::trim(log), '\n')) {
    const auto refusal = json(line);
    codes.push_back(std::string(refusal.text_or("deviceId", "?")) + ":" +
                    std::string(refusal.text_or("errorCode", "?")) + ":" +
                    std::to_string(*refusal.find("line")->if_int()));
  }
  EXPECT_THAT(codes, ElementsAre("known:DeviceAlreadyExists:3", ":ArgumentInvalid:4",
                                 "a/../b:ArgumentInvalid:5", "gone:ModuleNotFound:6",
                                 ":RequestTooLarge:7"));
}

TEST_F(TransfersTest, ContainersOfOthersAreRefused) {
  open();
  for (const auto& [uri, why] : std::vector<std::pair<std::string, const char*>>{
           {"https://account.blob.core.windows.net/container?sig=x", "of this hub"},
           {"/job-containers/" + container_.name, "signature"},
           {"/job-containers/9c647395-b913-4997-a732-a7fe7303b649?sig=YQ%3D%3D", "signature"},
           {"", "of this hub"}}) {
    Transfer transfer = asked(TransferKind::Export);
    transfer.output.container = uri;
    const auto created = transfers_->create(transfer);
    ASSERT_FALSE(created) << uri;
    EXPECT_EQ(created.error().code, Code::Denied);
    EXPECT_THAT(created.error().detail, HasSubstr("outputBlobContainerUri"));
    EXPECT_THAT(created.error().detail, HasSubstr(why));
  }
  Transfer outside = asked(TransferKind::Export);
  outside.output.blob = "../../state.db";
  EXPECT_EQ(transfers_->create(outside).error().code, Code::Denied);

  const Transfer nothing = ended(create(asked(TransferKind::Import)).id);
  EXPECT_EQ(nothing.status, Status::Failed);
  EXPECT_THAT(nothing.failure, HasSubstr("BlobNotFound"));
}

TEST_F(TransfersTest, AfterARestartAnExportGoesOnAndAnImportHasFailed) {
  add("d1");
  {
    auto database = store::Sqlite::open(options_.path);
    ASSERT_TRUE(TransferTable::migrate(*database));
    TransferTable table(std::move(*database));
    Transfer transfer = asked(TransferKind::Import);
    transfer.id = "import";
    transfer.input.container = transfer.output.container = container_.name;
    transfer.created = options_.now();
    ASSERT_TRUE(table.insert(transfer));
    transfer.status = Status::Running;
    transfer.lines = 200;
    ASSERT_TRUE(*table.set(transfer));
    transfer.kind = TransferKind::Export;
    transfer.id = "export";
    ASSERT_TRUE(table.insert(transfer));
  }
  open();
  const Transfer import = ended("import");
  EXPECT_EQ(import.status, Status::Failed);
  EXPECT_THAT(import.failure, HasSubstr("at least 200 lines"));
  EXPECT_EQ(ended("export").status, Status::Completed);
  EXPECT_THAT(content("devices.txt"), HasSubstr(R"("id":"d1")"));
}

TEST_F(TransfersTest, WaitTheirTurnAndCanBeCancelled) {
  options_.max_unfinished = 2;
  open();
  transfers_->stop();
  const Transfer first = create(asked(TransferKind::Export));
  const Transfer second = create(asked(TransferKind::Export));
  EXPECT_EQ(transfers_->create(asked(TransferKind::Export)).error().code, Code::Full);
  const auto cancelled = transfers_->cancel(second.id, "tester");
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->status, Status::Cancelled);
  EXPECT_TRUE(cancelled->ended);
  EXPECT_EQ(transfers_->cancel("nobody", "tester").error().code, Code::NotFound);
  EXPECT_EQ(transfers_->list(10)->size(), 2U);
  open();
  EXPECT_EQ(ended(first.id).status, Status::Completed);
  EXPECT_EQ(transfers_->get(second.id)->status, Status::Cancelled);
  EXPECT_EQ(transfers_->cancel(first.id, "tester")->status, Status::Completed) << "has ended";
  std::string text;
  base::json::Writer writer(text);
  write_transfer(writer, *transfers_->get(first.id), "https://hub.example");
  const auto written = json(text);
  EXPECT_EQ(written.text_or("status", ""), "completed");
  EXPECT_EQ(written.text_or("outputBlobContainerUri", ""),
            "https://hub.example/job-containers/" + container_.name);
  EXPECT_EQ(text.find("sig="), std::string::npos) << "links are secrets";
}

}  // namespace
}  // namespace hub::jobs
