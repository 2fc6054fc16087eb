#include "agent/run_state.h"

#include "base/json.h"
#include "base/log.h"
#include "os/file.h"

namespace agent {

using base::Result;

namespace {

constexpr std::uint64_t kReserve = 1U << 20U;
constexpr std::size_t kMaxFile = 64U << 10U;

std::uint64_t number(const base::json::Value& value, std::string_view name) {
  const base::json::Value* found = value.find(name);
  const std::int64_t* number = found == nullptr ? nullptr : found->if_int();
  return number == nullptr || *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
}

std::string state_file(const std::string& dir) {
  return dir + "/agent.json";
}

}  // namespace

Result<RunState> RunState::open(const std::string& dir, const std::string& boot_id,
                                base::WallTime now) {
  TRY(os::make_dirs(dir));
  RunState state;
  state.dir_ = dir;
  state.boot_id_ = boot_id;
  state.lock_ = TRY(os::lock_file(dir + "/agent.lock"));
  const auto text = os::read_file(state_file(dir), kMaxFile);
  if (text) {
    // Above every number used before, should the file not say.
    state.sequence_ = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
    state.restore(*text, boot_id);
  } else if (text.error().code != base::Code::NotFound) {
    return std::unexpected(text.error());
  }
  if (state.agent_id_ == base::Guid()) state.agent_id_ = base::Guid::random();
  state.reserved_ = state.sequence_ + kReserve;
  TRY(state.write(false, now));
  return state;
}

void RunState::restore(std::string_view text, const std::string& boot_id) {
  previous_.any = true;
  const auto value = base::json::parse(text);
  if (!value) {
    LOG_ERROR("state.damaged")
        .field("file", state_file(dir_))
        .field("error", value.error().to_string());
    [[maybe_unused]] const auto kept = os::write_file_atomic(state_file(dir_) + ".damaged", text);
    return;
  }
  if (const auto id = base::Guid::parse(value->text_or("agentId", ""))) agent_id_ = *id;
  previous_.boot_id = value->text_or("bootId", "");
  if (const auto alive = base::parse_rfc3339(value->text_or("alive", "")))
    previous_.last_alive = alive->utc;
  const base::json::Value* clean = value->find("clean");
  previous_.clean = clean != nullptr && clean->if_bool() != nullptr && *clean->if_bool();
  // Numbers count within a boot.
  if (previous_.boot_id != boot_id && !previous_.boot_id.empty()) sequence_ = 0;
  if (previous_.boot_id == boot_id) sequence_ = number(*value, "sequence");
  totals_.kernel_lost = number(*value, "kernelLost");
  totals_.reported_collected_high = number(*value, "reportedCollectedHigh");
  totals_.reported_dropped_high = number(*value, "reportedDroppedHigh");
  totals_.reported_collected_low = number(*value, "reportedCollectedLow");
  totals_.reported_dropped_low = number(*value, "reportedDroppedLow");
  totals_.reported_kernel_lost = number(*value, "reportedKernelLost");
}

std::uint64_t RunState::next_sequence() {
  if (sequence_ >= reserved_) {
    reserved_ = sequence_ + kReserve;
    if (const auto written = write(false, alive_); !written) {
      LOG_ERROR("state.write_failed").field("error", written.error().to_string());
    }
  }
  return ++sequence_;
}

void RunState::skip_sequences(std::uint64_t count) {
  sequence_ += count;
}

Result<void> RunState::touch(base::WallTime now) {
  if (reserved_ < sequence_ + kReserve / 2) reserved_ = sequence_ + kReserve;
  return write(false, now);
}

Result<void> RunState::close(base::WallTime now) {
  return write(true, now);
}

Result<void> RunState::write(bool clean, base::WallTime now) {
  alive_ = now;
  std::string text;
  base::json::Writer out(text);
  out.begin_object();
  out.field("agentId", agent_id_.to_string());
  out.field("bootId", boot_id_);
  out.field("clean", clean);
  out.field("alive", base::format_rfc3339(now));
  out.field("sequence", clean ? sequence_ : reserved_);
  out.field("kernelLost", totals_.kernel_lost);
  out.field("reportedCollectedHigh", totals_.reported_collected_high);
  out.field("reportedDroppedHigh", totals_.reported_dropped_high);
  out.field("reportedCollectedLow", totals_.reported_collected_low);
  out.field("reportedDroppedLow", totals_.reported_dropped_low);
  out.field("reportedKernelLost", totals_.reported_kernel_lost);
  out.end_object();
  text += '\n';
  return os::write_file_atomic(state_file(dir_), text);
}

}  // namespace agent
