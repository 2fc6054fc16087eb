#include "agent/print.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "agent/collection.h"
#include "agent/run_state.h"
#include "agent/settings/twin.h"
#include "agent/steering.h"
#include "base/log.h"
#include "os/process.h"
#include "schema/message.h"

namespace agent {

using base::Result;

namespace {
constexpr const char* kVersion = VEDETTE_VERSION;  // from CMake
}  // namespace

struct Printer::State {
  os::Loop& loop;
  std::function<void(std::string_view)> write;
  std::optional<RunState> run;
  std::unique_ptr<Collection> collection;
  bool stopping = false;

  State(os::Loop& the_loop, std::function<void(std::string_view)> the_write)
      : loop(the_loop), write(std::move(the_write)) {}

  void print(const schema::Event& event) {
    std::string json;
    schema::encode_event(event, json);
    const std::array<std::string_view, 1> events = {json};
    write(schema::encode_envelope(kVersion, run->agent_id(), events));
  }
};

Printer::Printer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Printer::~Printer() = default;

Result<std::unique_ptr<Printer>> Printer::start(os::Loop& loop, const Config& config,
                                                const std::string& desired,
                                                std::function<void(std::string_view)> write) {
  auto state = std::make_unique<State>(loop, std::move(write));
  State* const raw = state.get();
  const std::string boot_id = TRY(os::ProcFs().boot_id());
  state->run = TRY(RunState::open(config.state.dir, boot_id, base::wall_now()));
  settings::Twin twin{settings::Settings(), config.hub.twin_object};
  if (!desired.empty()) TRY(twin.take(settings::Twin::Change::Whole, 0, desired));
  for (const settings::Problem& problem : twin.problems()) {
    schema::Event event;
    event.id = base::Guid::random();
    event.time = {base::wall_now(), std::chrono::minutes(0)};
    event.payload = schema::payload_of(error_of(problem));
    raw->print(event);
  }
  Collection::Options options;
  options.settings = twin.settings();
  options.collect = config.collect;
  options.boot_id = boot_id;
  options.state_dir = config.state.dir;
  options.emit = [raw](const schema::Event& event) { raw->print(event); };
  options.next_sequence = [raw] { return raw->run->next_sequence(); };
  state->collection = TRY(Collection::open(loop, std::move(options)));
  state->collection->start_snapshots();
  return std::unique_ptr<Printer>(new Printer(std::move(state)));
}

void Printer::stop() {
  if (std::exchange(state_->stopping, true)) return;
  state_->collection->drain();
  if (const auto closed = state_->run->close(base::wall_now()); !closed) {
    LOG_ERROR("state.write_failed").field("error", closed.error().to_string());
  }
  // What a watch told with a post of its own is on its way.
  state_->loop.after(std::chrono::nanoseconds(0), [this] { state_->loop.stop(); });
}

}  // namespace agent
