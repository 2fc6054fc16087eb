// Fills a stopped hub's journal with security messages that its stores have not seen, as a hub
// leaves it that was killed while they fell behind.
//
//   journal_fill --data-dir DIR --bytes N [--events E]
//
// Prints the messages and events that it wrote. The events go round among 100 devices.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/time.h"
#include "devices.h"
#include "hub/ingest/record.h"
#include "journal/log.h"

namespace {

using bench::give_up;

constexpr std::size_t kGroup = 1024;  // messages that share a commit

void fill(const std::string& folder, std::size_t bytes, std::size_t events) {
  journal::Options options;
  options.max_bytes = std::size_t{8} << 30U;
  options.max_record_bytes = std::size_t{4} << 20U;
  auto log = journal::Log::open(folder + "/journal", options);
  if (!log) give_up(log.error().to_string());
  bench::SecurityPayload payload(events);
  const std::size_t before = (*log)->size_bytes();
  std::size_t messages = 0;
  base::ByteVec record;
  while ((*log)->size_bytes() - before < bytes) {
    for (std::size_t i = 0; i < kGroup; ++i) {
      const std::string device = fmt::format("device-{}", messages++ % 100);
      hub::ingest::Received message;
      message.device_id = device;
      message.module_id = "azureiotsecurity";
      message.received_at = base::wall_now();
      message.properties = bench::kSecurityBag;
      const base::ByteView text = payload.next();
      message.payload = base::as_text(text);
      message.security = true;
      record.clear();
      hub::ingest::encode(message, record);
      if (const auto sequence = (*log)->append(record); !sequence)
        give_up(sequence.error().to_string());
    }
    if (const auto committed = (*log)->commit(); !committed) give_up(committed.error().to_string());
  }
  fmt::print(R"({{"messages":{},"events":{},"bytes":{}}})"
             "\n",
             messages, messages * events, (*log)->size_bytes() - before);
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder;
  std::size_t bytes = std::size_t{1} << 30U;
  std::size_t events = 12;
  CLI::App app("Fills a stopped hub's journal.");
  app.add_option("--data-dir", folder)->required();
  app.add_option("--bytes", bytes);
  app.add_option("--events", events);
  CLI11_PARSE(app, argc, argv);
  fill(folder, bytes, events);
  return 0;
}
