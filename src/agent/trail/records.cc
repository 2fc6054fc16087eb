#include "agent/trail/records.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <unistd.h>

#include "agent/collect/command_line.h"
#include "agent/watch/new_event.h"
#include "audit/names.h"
#include "audit/stream.h"
#include "base/log.h"
#include "schema/message.h"

namespace agent::trail {

using namespace std::chrono_literals;

namespace {

// As JSON: a record of the kernel's fits nearly always.
constexpr std::size_t kMaxRecordJson = 32U << 10U;
constexpr std::size_t kMaxPathJson = 8U << 10U;
// While it does not work, and between looks at whether auditing is on.
constexpr auto kRetry = 60s;

class Records final : public Watch {
 public:
  explicit Records(const WatchContext& context) : context_(context) {
    retry_ = context_.loop->every(kRetry, [this] { listen(); });
    configure(context.settings);
  }
  ~Records() override { context_.loop->cancel(retry_); }

  std::vector<SourceReport> sources() const override {
    SourceReport report;
    report.event = schema::EventName::AuditRecord;
    report.tier = subscription_ ? "audit" : "none";
    report.reason = reason_;
    report.lost = lost_;
    if (subscription_) report.lost += context_.audit->stats().lost() - before_;
    return {report};
  }

  void configure(const WatchSettings& settings) override {
    off_ = settings.off.contains(schema::EventName::AuditRecord);
    std::vector<audit::RecordType> types;
    unknown_.clear();
    for (const std::string& name : settings.audit_records) {
      if (const auto type = audit::type_of_name(name)) {
        types.push_back(*type);
      } else {
        unknown_ += (unknown_.empty() ? "" : ", ") + name;
      }
    }
    std::ranges::sort(types);
    if (types != types_) {
      end();
      types_ = std::move(types);
    }
    listen();
  }

  void drain() override {
    if (context_.audit != nullptr && subscription_) context_.audit->drain();
  }

 private:
  void end() {
    if (subscription_ && context_.audit != nullptr)
      lost_ += context_.audit->stats().lost() - before_;
    subscription_.reset();
  }

  void listen() {
    reason_ = unknown_.empty() ? "" : "unknown types: " + unknown_;
    if (off_ || types_.empty() || context_.audit == nullptr) {
      end();
      reason_ = off_ ? "off" : types_.empty() ? "no types are configured" : "no audit";
      return;
    }
    if (!subscription_) subscribe();
    if (subscription_ && context_.audit->enabled() == false)
      reason_ += (reason_.empty() ? "" : "; ") + std::string("auditing is off");
  }

  void subscribe() {
    auto subscription =
        context_.audit->subscribe(types_, [this](const audit::Event& event) { take(event); });
    if (!subscription) {
      const base::Error& error = subscription.error();
      reason_ = error.detail.empty() ? error.to_string() : error.detail;
      return;
    }
    subscription_ = std::move(*subscription);
    before_ = context_.audit->stats().lost();
  }

  // To tell of our own doings would cause more of them.
  static bool is_ours(const audit::Event& event) {
    const audit::Record* const call = event.find(audit::types::kSyscall);
    if (call == nullptr) return false;
    const audit::Fields fields(call->body);
    return fields.number("pid") == ::getpid() || fields.number("ppid") == ::getpid();
  }

  void take(const audit::Event& event) {
    if (is_ours(event)) return;
    for (const audit::Record& record : event.records) {
      if (!std::ranges::binary_search(types_, record.type)) continue;
      if (!allowance_.take(base::mono_now())) {
        ++lost_;
        continue;
      }
      tell(event, record);
    }
  }

  void tell(const audit::Event& event, const audit::Record& record) {
    schema::AuditRecord made = read_record(event, record);
    schema::ExtraDetails& details = made.extra_details;
    details.emplace_back("Tier", "Audit");
    details.emplace_back("BootId", context_.boot_id);
    details.emplace_back("Sequence", std::to_string(context_.next_sequence()));
    schema::Event told = new_event(event.time);
    told.payload = schema::payload_of(std::move(made));
    context_.emit(std::move(told));
  }

  const WatchContext& context_;
  bool off_ = false;
  std::vector<audit::RecordType> types_;  // ascending
  std::string unknown_;
  std::string reason_;
  audit::Stream::Lease subscription_;
  Allowance allowance_;
  std::uint64_t before_ = 0;  // of the stream's losses
  std::uint64_t lost_ = 0;
  os::TimerId retry_ = 0;
};

}  // namespace

bool Allowance::take(base::MonoTime now) {
  if (filled_) {
    const std::chrono::duration<double> passed = now - *filled_;
    left_ = std::min(left_ + passed.count() * static_cast<double>(kRecordsPerSecond),
                     static_cast<double>(kRecordsInBurst));
  }
  filled_ = now;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

schema::AuditRecord read_record(const audit::Event& event, const audit::Record& record) {
  schema::AuditRecord made;
  made.record_type = audit::type_name(record.type);
  made.serial = static_cast<std::int64_t>(event.serial);
  const std::string_view body = collect::fit_json(record.body, kMaxRecordJson);
  made.record = body;
  if (body.size() < record.body.size())
    made.extra_details.emplace_back("RecordBytes", std::to_string(record.body.size()));
  // Records of an occurrence that name nobody themselves belong to its system call.
  const audit::Record* const call = event.find(audit::types::kSyscall);
  const audit::Fields own(record.body);
  const audit::Fields of_call(call == nullptr ? std::string_view() : call->body);
  const audit::Fields& fields = own.number("pid") ? own : of_call;
  if (const auto pid = fields.number("pid"); pid && *pid >= 0) made.process_id = pid;
  if (const auto uid = fields.number("uid"); uid && *uid >= 0) made.user_id = std::to_string(*uid);
  if (const auto exe = fields.text("exe"); exe && !exe->empty())
    made.executable = std::string(collect::fit_json(*exe, kMaxPathJson));
  return made;
}

std::unique_ptr<Watch> open_records(const WatchContext& context) {
  return std::make_unique<Records>(context);
}

}  // namespace agent::trail
