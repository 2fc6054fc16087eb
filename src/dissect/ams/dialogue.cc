#include "dissect/ams/dialogue.h"

#include <algorithm>
#include <utility>

#include "dissect/text.h"

namespace dissect::ams {

namespace {

constexpr std::uint16_t kAdsCommand = 0x0004;
constexpr std::uint16_t kKnownFlags = 0x81ff;
constexpr std::uint32_t kByHandle = 0xf005;
constexpr std::uint32_t kReleaseHandle = 0xf006;
constexpr std::uint32_t kHandleOfSymbol = 0xf003;
constexpr std::uint32_t kSumRead = 0xf080;
constexpr std::uint32_t kSumDelete = 0xf086;
constexpr std::uint32_t kFileOpen = 120;
constexpr std::uint32_t kFileClose = 121;
constexpr std::uint32_t kFileLastByHandle = 130;
constexpr std::uint16_t kConfig = 15;
constexpr std::uint16_t kRun = 5;

std::string net_id(base::ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += '.';
    text += std::to_string(byte);
  }
  return text;
}

void show(const Header& header, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.text("target_net_id", net_id(header.target));
  sink.number("target_port", header.target_port);
  sink.text("source_net_id", net_id(header.source));
  sink.number("source_port", header.source_port);
  sink.number("command_id", header.command);
  sink.number("state_flags", header.flags);
  sink.number("data_length", header.length);
  sink.number("error_code", header.error);
  sink.number("invoke_id", header.invoke);
}

// Which part of TwinCAT's folders a file is opened in, and how (TwinCAT: nOpenPath, nOpenMode).
Access file_access(std::uint32_t offset) {
  const std::uint32_t folder = offset >> 16U;
  const bool writes = (offset & 6U) != 0;
  const bool program = folder >= 2 && folder <= 4;  // of what the device boots
  if (!program) return Access::File;
  return writes ? Access::ProgramDownload : Access::ProgramUpload;
}

bool is_sum(std::uint32_t group) {
  return group >= kSumRead && group <= kSumDelete;
}

// Groups whose offset is a handle that was given out before.
bool by_handle(std::uint16_t port, std::uint32_t group) {
  if (group == kByHandle) return true;
  return port == kSystemService && group >= kFileClose && group <= kFileLastByHandle;
}

void data_of(Reader& body, std::uint32_t length, const char* name, Message& message, Sink& sink,
             bool cut) {
  if (length > body.remaining() && !cut) {
    sink.issue({Issue::Kind::Truncated, "shorter than its lengths say", length, 0});
  }
  const base::ByteView data = body.bytes(std::min<std::size_t>(length, body.remaining()));
  message.bytes += length;
  if (!data.empty()) sink.bytes(name, data);
}

}  // namespace

Header read_header(Reader& reader) {
  Header header;
  header.target = reader.bytes(6);
  header.target_port = reader.u16le();
  header.source = reader.bytes(6);
  header.source_port = reader.u16le();
  header.command = reader.u16le();
  header.flags = reader.u16le();
  header.length = reader.u32le();
  header.error = reader.u32le();
  header.invoke = reader.u32le();
  return header;
}

bool plausible(const Header& header) {
  const auto zero = [](base::ByteView id) {
    return std::ranges::all_of(id, [](std::uint8_t byte) { return byte == 0; });
  };
  return header.command >= 1 && header.command <= 9 && (header.flags & ~kKnownFlags) == 0 &&
         (header.flags & kAdsCommand) != 0 && !(zero(header.target) && zero(header.source)) &&
         header.target_port != 0 && header.source_port != 0;
}

void Dialogue::take(base::ByteView bytes, bool cut, Sink& sink) {
  Reader reader(bytes);
  const Header header = read_header(reader);
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "shorter than its AMS header", 0, 0});
    return;
  }
  show(header, sink);
  objects_.begin();
  Message message;
  const std::string_view name = command_name(header.command);
  message.operation = {header.command, name};
  message.kind = header.answers() ? Kind::Response : Kind::Request;
  if (header.command == static_cast<std::uint16_t>(Command::Notification))
    message.kind = Kind::OneWay;
  const std::uint16_t client = header.answers() ? header.target_port : header.source_port;
  message.key = std::uint64_t{1} << 48U | std::uint64_t{client} << 32U | header.invoke;
  message.unit =
      header.answers() || message.kind == Kind::OneWay ? header.source_port : header.target_port;
  if (header.command == 0 || name.empty())
    sink.issue({Issue::Kind::Violation, "command that does not exist", header.command, 16});
  if (header.length != reader.remaining() && !cut)
    sink.issue({Issue::Kind::Malformed, "length is not that of the data", header.length, 20});
  Decoding to{header, message, sink, cut};
  Reader body = reader.sub(std::min<std::size_t>(header.length, reader.remaining()));
  if (header.error != 0) message.status = {Outcome::Failed, header.error, error_name(header.error)};
  if (header.answers())
    answer(body, to);
  else
    ask(body, to);
  if (!body.ok() && !cut)
    sink.issue({Issue::Kind::Truncated, "shorter than its command needs", header.command, 32});
  sink.message(message);
  if (forget_ != 0) handles_.erase(std::exchange(forget_, 0));
}

void Dialogue::ask(Reader& body, Decoding& to) {
  switch (static_cast<Command>(to.header.command)) {
    case Command::ReadDeviceInfo:
      to.message.access = Access::Discovery;
      return;
    case Command::Read:
      return ask_read(body, to);
    case Command::Write:
      return ask_write(body, to);
    case Command::ReadState:
      to.message.access = Access::Diagnostics;
      return;
    case Command::WriteControl: {
      const std::uint16_t state = body.u16le();
      const std::uint16_t device = body.u16le();
      const std::uint32_t length = body.u32le();
      to.sink.number("ads_state", state);
      to.sink.number("device_state", device);
      to.sink.number("length", length);
      to.message.access = state_access(state);
      to.message.sub_operation = {state, state_name(state)};
      return data_of(body, length, "data", to.message, to.sink, to.cut);
    }
    case Command::AddNotification:
      return ask_notification(body, to);
    case Command::DeleteNotification: {
      const std::uint32_t handle = body.u32le();
      to.sink.number("notification_handle", handle);
      forget_ = handle_key(to.header.target_port, true, handle);
      objects_.add(to.message, to.sink, {"notification", {}, handle, 1});
      return;
    }
    case Command::Notification:
      return notification(body, to);
    case Command::ReadWrite:
      return ask_read_write(body, to);
  }
  if (!body.done()) to.sink.bytes("data", body.rest());
}

void Dialogue::place(const Group& group, std::uint32_t offset, std::uint32_t length,
                     std::string_view name, Decoding& to) {
  const std::uint16_t port = to.header.answers() ? to.header.source_port : to.header.target_port;
  if (by_handle(port, group.code)) {
    const auto known = handles_.find(handle_key(port, false, offset));
    if (known != handles_.end()) {
      const bool file = port == kSystemService;
      if (file) to.message.access = known->second.access;
      objects_.add(to.message, to.sink,
                   {file ? "file" : "symbol", known->second.name, offset, length});
      return;
    }
  }
  std::string_view space = group.name;
  if (space.empty()) space = "index group";
  // The number of a group that has no name of its own is that of the object.
  if (name.empty() && group.name.empty()) name = objects_.digits(group.code);
  objects_.add(to.message, to.sink, {space, name, offset, length});
}

void Dialogue::ask_read(Reader& body, Decoding& to) {
  const Group group = group_of(to.header.target_port, body.u32le());
  const std::uint32_t offset = body.u32le();
  const std::uint32_t length = body.u32le();
  if (!body.ok()) return;
  to.sink.number("index_group", group.code);
  to.sink.number("index_offset", offset);
  to.sink.number("length", length);
  to.message.access = group.read;
  to.message.sub_operation = {group.code, group.name};
  place(group, offset, length, {}, to);
}

void Dialogue::ask_write(Reader& body, Decoding& to) {
  const Group group = group_of(to.header.target_port, body.u32le());
  const std::uint32_t offset = body.u32le();
  const std::uint32_t length = body.u32le();
  if (!body.ok()) return;
  to.sink.number("index_group", group.code);
  to.sink.number("index_offset", offset);
  to.sink.number("length", length);
  to.message.access = group.write;
  to.message.sub_operation = {group.code, group.name};
  place(group, offset, length, {}, to);
  if (group.code == kReleaseHandle) {
    const std::uint32_t handle = Reader(body.rest()).u32le();
    forget_ = handle_key(to.header.target_port, false, handle);
  }
  data_of(body, length, "data", to.message, to.sink, to.cut);
}

void Dialogue::ask_read_write(Reader& body, Decoding& to) {
  const std::uint16_t port = to.header.target_port;
  const Group group = group_of(port, body.u32le());
  const std::uint32_t offset = body.u32le();
  const std::uint32_t read = body.u32le();
  const std::uint32_t write = body.u32le();
  if (!body.ok()) return;
  to.sink.number("index_group", group.code);
  to.sink.number("index_offset", offset);
  to.sink.number("read_length", read);
  to.sink.number("write_length", write);
  to.message.access = group.both;
  to.message.sub_operation = {group.code, group.name};
  Reader data(body.rest());
  std::string name;
  if (group.named) {
    name = printable(data.rest().first(std::min<std::size_t>(write, data.remaining())), kMaxName);
    to.sink.text("name", name);
  }
  if (port == kSystemService && group.code == kFileOpen) to.message.access = file_access(offset);
  if (is_sum(group.code))
    sum(group, offset, data, to);
  else
    place(group, offset, read, objects_.compose({name}), to);
  if (group.code == kHandleOfSymbol || (port == kSystemService && group.code == kFileOpen))
    expect(to.header, false, {group.code, offset, std::move(name), to.message.access});
  if (port == kSystemService && group.code == kFileClose) forget_ = handle_key(port, false, offset);
  data_of(body, write, "data", to.message, to.sink, to.cut);
}

// Several places at once: group, offset and lengths of each, then what is written.
void Dialogue::sum(const Group& group, std::uint32_t count, Reader& data, Decoding& to) {
  if (group.code == kSumDelete) return;
  const bool both = group.code == 0xf082;
  const std::size_t size = both ? 16 : group.code == 0xf085 ? 40 : 12;
  for (std::uint32_t i = 0; i < count && data.remaining() >= size; ++i) {
    Reader one = data.sub(size);
    const Group part = group_of(to.header.target_port, one.u32le());
    const std::uint32_t offset = one.u32le();
    const std::uint32_t length = one.u32le();
    to.sink.number("sum_index_group", part.code);
    to.sink.number("sum_index_offset", offset);
    to.sink.number("sum_length", length);
    place(part, offset, length, {}, to);
  }
}

void Dialogue::ask_notification(Reader& body, Decoding& to) {
  const Group group = group_of(to.header.target_port, body.u32le());
  const std::uint32_t offset = body.u32le();
  const std::uint32_t length = body.u32le();
  const std::uint32_t mode = body.u32le();
  const std::uint32_t delay = body.u32le();
  const std::uint32_t cycle = body.u32le();
  if (!body.ok()) return;
  to.sink.number("index_group", group.code);
  to.sink.number("index_offset", offset);
  to.sink.number("length", length);
  to.sink.number("transmission_mode", mode);
  to.sink.number("max_delay", delay);
  to.sink.number("cycle_time", cycle);
  to.message.access = Access::Read;
  to.message.sub_operation = {group.code, group.name};
  place(group, offset, length, {}, to);
  Meaning meaning{group.code, offset, {}, Access::Read};
  if (!to.message.objects.empty()) meaning.name = to.message.objects.front().name;
  expect(to.header, true, std::move(meaning));
}

void Dialogue::notification(Reader& body, Decoding& to) {
  to.message.access = Access::Read;
  const std::uint32_t length = body.u32le();
  const std::uint32_t stamps = body.u32le();
  if (!body.ok()) return;
  to.sink.number("length", length);
  to.sink.number("stamps", stamps);
  to.message.bytes = length;
  for (std::uint32_t i = 0; i < stamps && body.remaining() >= 12; ++i) {
    to.sink.number("time_stamp", body.u64le());
    const std::uint32_t samples = body.u32le();
    to.sink.number("samples", samples);
    for (std::uint32_t j = 0; j < samples && body.remaining() >= 8; ++j) {
      const std::uint32_t handle = body.u32le();
      const std::uint32_t size = body.u32le();
      to.sink.number("notification_handle", handle);
      to.sink.number("sample_size", size);
      const auto known = handles_.find(handle_key(to.header.source_port, true, handle));
      if (known == handles_.end())
        objects_.add(to.message, to.sink, {"notification", {}, handle, size});
      else
        place(group_of(to.header.source_port, known->second.group), known->second.offset, size,
              known->second.name, to);
      to.sink.bytes("sample", body.bytes(std::min<std::size_t>(size, body.remaining())));
    }
  }
}

void Dialogue::expect(const Header& header, bool notification, Meaning meaning) {
  waiting_[header.invoke % kWaiting] = {header.invoke, header.target_port, notification,
                                        std::move(meaning)};
}

Dialogue::Waiting* Dialogue::expected(const Header& header) {
  Waiting& one = waiting_[header.invoke % kWaiting];
  return one.port == header.source_port && one.port != 0 && one.invoke == header.invoke ? &one
                                                                                        : nullptr;
}

void Dialogue::answered_handle(Reader& data, Decoding& to) {
  Waiting* const asked = expected(to.header);
  if (asked == nullptr) return;
  const std::uint32_t handle = data.u32le();
  const bool given = data.ok() && to.message.status.outcome == Outcome::Ok;
  if (given && handles_.size() < kHandles) {
    handles_.insert_or_assign(handle_key(asked->port, asked->notification, handle),
                              std::move(asked->meaning));
  } else if (given) {
    to.sink.issue({Issue::Kind::LeftOut, "more handles than are kept", handle, 0});
  }
  asked->port = 0;
}

namespace {

// Name and version of what serves a port.
void tell_device(Reader& body, std::uint16_t port, Sink& sink) {
  const std::uint8_t major = body.u8();
  const std::uint8_t minor = body.u8();
  const std::uint16_t build = body.u16le();
  const base::ByteView name = body.bytes(16);
  if (!body.ok()) return;
  const std::string shown = printable(name);
  sink.number("version_major", major);
  sink.number("version_minor", minor);
  sink.number("version_build", build);
  sink.text("device_name", shown);
  const std::string text = shown + (shown.empty() ? "" : " ") + std::to_string(major) + '.' +
                           std::to_string(minor) + '.' + std::to_string(build);
  Evidence one;
  one.fact = port == kSystemService ? Fact::Software : Fact::Module;
  if (port != kSystemService) one.slot = port;
  one.value = text;
  sink.evidence(one);
}

void tell_state(Reader& body, std::uint16_t port, Sink& sink) {
  const std::uint16_t state = body.u16le();
  const std::uint16_t device = body.u16le();
  if (!body.ok()) return;
  sink.number("ads_state", state);
  sink.number("device_state", device);
  // While the system runs, the state of the runtime says more.
  if (is_plc(port) || (port == kSystemService && state != kRun && state >= kConfig))
    sink.tell(Fact::Mode, state_name(state));
}

}  // namespace

void Dialogue::answer(Reader& body, Decoding& to) {
  Message& message = to.message;
  // Who does not know the command, or is not there, answers with an error and nothing else.
  if (body.done() && to.header.error != 0) return;
  const auto command = static_cast<Command>(to.header.command);
  if (command == Command::Notification) return notification(body, to);
  if (to.header.command < 1 || to.header.command > 9) return;
  const std::uint32_t result = body.u32le();
  if (!body.ok()) return;
  to.sink.number("result", result);
  if (message.status.outcome != Outcome::Failed)
    message.status = {result == 0 ? Outcome::Ok : Outcome::Failed, result, error_name(result)};
  switch (command) {
    case Command::ReadDeviceInfo:
      if (result == 0) tell_device(body, to.header.source_port, to.sink);
      return;
    case Command::ReadState:
      if (result == 0) tell_state(body, to.header.source_port, to.sink);
      return;
    case Command::AddNotification:
      if (!body.done()) {
        Reader data(body.rest());
        to.sink.number("notification_handle", Reader(body.rest()).u32le());
        answered_handle(data, to);
      }
      return;
    case Command::Read:
    case Command::ReadWrite: {
      if (body.done()) return;
      const std::uint32_t length = body.u32le();
      to.sink.number("length", length);
      Reader data(body.rest());
      answered_handle(data, to);
      return data_of(body, length, "data", message, to.sink, to.cut);
    }
    default:
      return;
  }
}

}  // namespace dissect::ams
