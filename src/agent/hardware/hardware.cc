#include "agent/hardware/hardware.h"

#include <optional>
#include <utility>

#include "agent/hardware/device.h"
#include "agent/hardware/hot_plug.h"
#include "agent/hardware/socket.h"
#include "base/log.h"
#include "os/file.h"

namespace agent::hardware {

using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr auto kPollInterval = 10s;
constexpr const char* kUdevControl = "/run/udev/control";
constexpr auto kName = schema::EventName::ConnectedHardware;

class HardwareWatch final : public Watch {
 public:
  explicit HardwareWatch(const WatchContext& context);
  ~HardwareWatch() override { end(); }
  HardwareWatch(const HardwareWatch&) = delete;
  HardwareWatch& operator=(const HardwareWatch&) = delete;

  std::vector<SourceReport> sources() const override;
  void configure(const WatchSettings& settings) override;
  void drain() override;

 private:
  bool on() const { return socket_.has_value() || poll_ != 0; }
  void begin();
  void end();
  // Reads what waits and tells what is due.
  void receive();
  void settle();
  // Tells the difference between what is there and what was known.
  void look_again();
  void learn();
  void tell(Change change, const Device& device);

  os::Loop& loop_;
  std::function<void(schema::Event)> emit_;
  bool poll_only_;
  Reader reader_;
  HotPlug plugs_;
  std::optional<UeventSocket> socket_;
  os::TimerId poll_ = 0;
  os::TimerId timer_ = 0;
  std::string reason_;
  bool blind_ = false;  // sysfs cannot be read
  bool compared_ = false;
  std::uint64_t overruns_ = 0;
  std::uint64_t malformed_ = 0;
};

HardwareWatch::HardwareWatch(const WatchContext& context)
    : loop_(*context.loop),
      emit_(context.emit),
      poll_only_(context.tier == "proc"),
      plugs_({.read = [this](const std::string& path) { return reader_.read(path); },
              .tell = [this](Change change, const Device& device) { tell(change, device); }}) {
  if (!context.settings.off.contains(kName)) begin();
}

void HardwareWatch::begin() {
  reason_.clear();
  if (poll_only_) {
    reason_ = "uevent: not asked for";
  } else if (auto socket = UeventSocket::open(); !socket) {
    reason_ = "uevent: " + socket.error().to_string();
  } else if (auto watched = loop_.watch(socket->fd(), os::Loop::kReadable,
                                        [this](std::uint32_t) { receive(); });
             !watched) {
    reason_ = "uevent: " + watched.error().to_string();
  } else {
    socket_ = std::move(*socket);
  }
  if (!socket_) poll_ = loop_.every(kPollInterval, [this] { look_again(); });
  // After listening began: what comes in between is then known twice rather than not at all.
  learn();
}

void HardwareWatch::end() {
  if (socket_) loop_.unwatch(socket_->fd());
  socket_.reset();
  for (os::TimerId* timer : {&poll_, &timer_}) {
    if (*timer != 0) loop_.cancel(std::exchange(*timer, 0));
  }
}

void HardwareWatch::learn() {
  auto present = reader_.all();
  blind_ = !present;
  if (present) {
    plugs_.learn(std::move(*present));
  } else {
    reason_ = present.error().to_string();
  }
}

void HardwareWatch::look_again() {
  auto present = reader_.all();
  if (!present) return;
  compared_ = true;
  plugs_.compare(std::move(*present));
  compared_ = false;
}

void HardwareWatch::receive() {
  const base::MonoTime now = base::mono_now();
  const bool udev_runs = os::file_exists(kUdevControl);
  const auto received =
      socket_->receive([&](const Uevent& event) { plugs_.on_event(event, udev_runs, now); });
  if (!received) {
    LOG_WARNING("hardware.uevents_ended").field("error", received.error().to_string());
    end();
    reason_ = "uevent: " + received.error().to_string();
    poll_ = loop_.every(kPollInterval, [this] { look_again(); });
    return;
  }
  malformed_ += received->malformed;
  if (received->overrun) {
    ++overruns_;
    LOG_WARNING("hardware.uevents_overrun").field("times", overruns_);
  }
  if (received->overrun || plugs_.wants_comparison()) look_again();
  settle();
}

void HardwareWatch::settle() {
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  const base::MonoTime now = base::mono_now();
  const auto next = plugs_.settle(now);
  if (!next) return;
  timer_ = loop_.after(*next - now, [this] {
    timer_ = 0;
    settle();
  });
}

void HardwareWatch::tell(Change change, const Device& device) {
  schema::ConnectedHardware item = device.item;
  item.extra_details.emplace_back("Action", to_string(change));
  if (compared_) item.extra_details.emplace_back("FoundLater", "true");
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {base::wall_now(), std::chrono::minutes(0)};
  event.payload = schema::payload_of(std::move(item));
  emit_(std::move(event));
}

std::vector<SourceReport> HardwareWatch::sources() const {
  SourceReport report;
  report.event = kName;
  report.tier = "none";
  report.reason = on() ? reason_ : "off";
  report.lost = overruns_ + malformed_;
  if (on() && !blind_) {
    report.tier = poll_ != 0 ? "sysfs" : os::file_exists(kUdevControl) ? "udev" : "uevent";
    report.lossy = poll_ != 0;
  }
  return {report};
}

void HardwareWatch::configure(const WatchSettings& settings) {
  const bool wanted = !settings.off.contains(kName);
  if (wanted && !on()) begin();
  if (!wanted && on()) end();
}

void HardwareWatch::drain() {
  if (socket_) receive();
  plugs_.flush();
}

class HardwareSnapshot final : public Snapshot {
 public:
  explicit HardwareSnapshot(std::string root) : reader_(std::move(root)) {}

  schema::EventName event() const override { return kName; }
  Result<schema::Payload> take() override {
    tier_ = "none";
    std::vector<schema::ConnectedHardware> items;
    for (Device& device : TRY(reader_.all())) {
      items.push_back(std::move(device.item));
    }
    tier_ = "sysfs";
    return schema::Payload(std::move(items));
  }
  SourceReport source() const override { return {kName, tier_, "", false, 0}; }

 private:
  Reader reader_;
  std::string tier_ = "none";
};

}  // namespace

std::unique_ptr<Watch> open(const WatchContext& context) {
  return std::make_unique<HardwareWatch>(context);
}

std::unique_ptr<Snapshot> make_snapshot(std::string root) {
  return std::make_unique<HardwareSnapshot>(std::move(root));
}

}  // namespace agent::hardware
