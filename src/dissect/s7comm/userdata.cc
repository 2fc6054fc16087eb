#include <charconv>

#include "dissect/s7comm/decode.h"
#include "dissect/s7comm/names.h"

namespace dissect::s7comm {

namespace {

constexpr std::uint8_t kRequest = 4;
constexpr std::uint8_t kResponse = 8;

void read_block_counts(Reader& content, Decoding& to) {
  while (content.remaining() >= 4) {
    to.text("block_type", content.text(2));
    to.sink.number("block_count", content.u16be());
  }
}

void read_block_list(Reader& content, Decoding& to) {
  while (content.remaining() >= 4) {
    to.sink.number("block_number", content.u16be());
    to.sink.number("block_flags", content.u8());
    to.sink.number("block_language", content.u8());
  }
}

void ask_block_info(Reader& content, Decoding& to) {
  const std::string_view type = content.text(2);
  const std::string_view number = content.text(5);
  const std::string_view system = content.text(1);
  if (!content.ok()) return;
  to.text("block_type", type);
  to.text("block_number_text", number);
  to.text("file_system", system);
  std::uint32_t value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  to.add("block", to.objects.compose({block_type(type), to.objects.digits(value)}), value, 1);
}

void read_block_info(Reader& content, Decoding& to) {
  if (!to.sink.wants_details() || content.done()) return;  // refused
  to.text("block_type", content.text(2));
  to.sink.number("info_length", content.u16be());
  content.skip(2 + 2 + 1);
  to.sink.number("info_flags", content.u8());
  to.sink.number("block_language", content.u8());
  to.sink.number("sub_block_type", content.u8());
  to.sink.number("block_number", content.u16be());
  to.sink.number("load_memory", content.u32be());
  to.sink.number("block_security", content.u32be());
  content.skip(6 + 6);  // when code and interface were changed
  to.sink.number("ssb_length", content.u16be());
  to.sink.number("add_length", content.u16be());
  to.sink.number("local_data_length", content.u16be());
  to.sink.number("mc7_code_length", content.u16be());
  to.text("author", content.text(8));
  to.text("family", content.text(8));
  to.text("block_name", content.text(8));
  const std::uint8_t version = content.u8();
  to.sink.number("version_major", version >> 4U);
  to.sink.number("version_minor", version & 15U);
  content.skip(1);
  to.sink.number("block_checksum", content.u16be());
}

void read_blocks(const UserData& about, Reader& content, Decoding& to) {
  const bool answer = about.type == kResponse;
  switch (about.subfunction) {
    case 1:
      if (answer) read_block_counts(content, to);
      return;
    case 2: {
      if (answer) return read_block_list(content, to);
      const std::string_view type = content.text(2);
      if (!content.ok()) return;
      to.text("block_type", type);
      return to.add("block list", block_type(type), 0, 0);
    }
    case 3:
      return answer ? read_block_info(content, to) : ask_block_info(content, to);
    default:
      return;
  }
}

std::uint64_t from_bcd(std::uint8_t byte) {
  return (byte >> 4U) * 10U + (byte & 15U);
}

void read_clock(Reader& content, Decoding& to) {
  content.skip(2);
  const std::uint8_t year = content.u8();
  const std::uint8_t month = content.u8();
  const std::uint8_t day = content.u8();
  const std::uint8_t hour = content.u8();
  const std::uint8_t minute = content.u8();
  const std::uint8_t second = content.u8();
  if (!content.ok()) return;
  const auto put = [&to](std::string_view name, std::uint8_t byte) {
    to.sink.number(name, from_bcd(byte));
  };
  put("clock_year", year);
  put("clock_month", month);
  put("clock_day", day);
  put("clock_hour", hour);
  put("clock_minute", minute);
  put("clock_second", second);
}

void read_message_service(Reader& content, Decoding& to) {
  to.sink.number("subscribed_events", content.u8());
  content.skip(1);
  const std::string_view user = content.text(8);
  if (!content.ok()) return;
  to.text("subscriber", user);
}

void read_diagnostic_message(Reader& content, Decoding& to) {
  to.sink.number("event_id", content.u16be());
  to.sink.number("event_priority", content.u8());
  to.sink.number("event_ob", content.u8());
  to.sink.number("event_data_id", content.u16be());
  to.sink.number("event_info1", content.u16be());
  to.sink.number("event_info2", content.u32be());
}

void ask_status_list(Reader& content, Decoding& to) {
  if (content.done()) return;  // for the next piece of a list
  const std::uint16_t id = content.u16be();
  const std::uint16_t index = content.u16be();
  if (!content.ok()) return;
  to.sink.number("szl_id", id);
  to.sink.number("szl_index", index);
  to.add("SZL", {}, id, 1);
  const std::uint8_t part = id & 0xffU;
  if (part == 0x11 || part == 0x1c) to.message.access = Access::Discovery;
}

void read_cpu(const UserData& about, Reader& content, Decoding& to) {
  switch (about.subfunction) {
    case 1:
      return about.type == kResponse ? read_status_list(content, to) : ask_status_list(content, to);
    case 2:
      if (about.type == kRequest) read_message_service(content, to);
      return;
    case 3:
      return read_diagnostic_message(content, to);
    default:
      to.sink.bytes("content", content.rest());
      return;
  }
}

constexpr std::uint8_t kVariableStatus = 2;
constexpr std::uint8_t kModifyVariable = 8;

struct WatchArea {
  std::uint8_t code;  // the upper four bits
  std::string_view space;
};
constexpr WatchArea kWatchAreas[] = {{0, "M"}, {1, "I"}, {2, "Q"}, {3, "P"},
                                     {5, "T"}, {6, "C"}, {7, "DB"}};

// A variable as the tables of the programming device name it.
void read_watched(Reader& content, Decoding& to) {
  const std::uint8_t area = content.u8();
  const std::uint8_t repeat = content.u8();
  const std::uint16_t db = content.u16be();
  const std::uint16_t start = content.u16be();
  if (!content.ok()) return;
  to.sink.number("watch_area", area);
  to.sink.number("watch_repeat", repeat);
  to.sink.number("watch_db", db);
  to.sink.number("watch_start", start);
  // The lower four bits: a bit (where `repeat` says which), a byte, a word, a double word.
  const std::uint32_t size = (area & 15U) <= 1 ? 1 : (area & 15U) == 2 ? 2 : 4;
  const std::uint32_t count = (area & 15U) == 0 ? 1 : size * repeat;
  for (const WatchArea& one : kWatchAreas) {
    if (one.code != area >> 4U) continue;
    const bool block = one.code == 7;
    to.add(one.space,
           block ? to.objects.compose({"DB", to.objects.digits(db)}) : std::string_view(), start,
           count);
  }
}

// Sizes of parameters and data, the parameters, and then variables or their values.
void read_programmer(const UserData& about, Reader& content, Decoding& to) {
  if (about.subfunction != kVariableStatus && about.subfunction != kModifyVariable) {
    if (!content.done()) to.sink.bytes("content", content.rest());
    return;
  }
  const std::uint16_t parameter_bytes = content.u16be();
  content.skip(2);
  content.skip(parameter_bytes);
  if (content.ok() && content.done()) return;
  const std::uint16_t count = content.u16be();
  if (count > 0) to.sink.number("watch_count", count);
  const bool asks = about.type == kRequest;
  const bool modifies = about.subfunction == kModifyVariable;
  if (asks) {
    for (std::uint16_t i = 0; i < count && content.ok(); ++i)
      read_watched(content, to);
    if (!modifies) return;
  }
  for (std::uint16_t i = 0; i < count && content.ok(); ++i) {
    if (!asks && modifies) {
      const std::uint8_t code = content.u8();
      if (!content.ok()) return;
      to.sink.number("return_code", code);
      if (code != kDone) to.fail(code, return_name(code));
      continue;
    }
    const DataItem item = read_item(content, to);
    if (item.bytes.size() % 2 != 0 && i + 1 < count) content.skip(1);
  }
}

void ask_cyclic(Reader& content, Decoding& to) {
  content.skip(1);
  const std::uint8_t count = content.u8();
  to.sink.number("item_count", count);
  content.skip(2);  // the time base, and how many of it
  for (std::uint8_t i = 0; i < count && content.ok(); ++i)
    read_variable(content, to);
}

void read_cyclic(const UserData& about, Reader& content, Decoding& to) {
  const bool subscribes = about.subfunction == 1 || about.subfunction == 5;
  if (about.type == kRequest && subscribes) return ask_cyclic(content, to);
  if (about.type == kRequest || !subscribes || content.remaining() < 2) return;
  content.skip(1);
  const std::uint8_t count = content.u8();
  to.sink.number("item_count", count);
  for (std::uint8_t i = 0; i < count && content.ok() && !content.done(); ++i) {
    const DataItem item = read_item(content, to);
    if (item.bytes.size() % 2 != 0 && i + 1 < count) content.skip(1);
  }
}

void read_bsend(Reader& content, Decoding& to) {
  content.skip(1);
  const std::uint8_t length = content.u8();
  content.skip(2);
  const std::uint32_t id = content.u32be();
  if (!content.ok()) return;
  to.sink.number("bsend_header", length);
  to.sink.number("bsend_r_id", id);
  to.add("R_ID", {}, id, 1);
}

}  // namespace

UserData read_user_data(Reader& parameters, Decoding& to) {
  UserData about;
  const std::uint32_t head = parameters.u24be();
  const std::uint8_t length = parameters.u8();
  const std::uint8_t method = parameters.u8();
  const std::uint8_t kind = parameters.u8();
  about.subfunction = parameters.u8();
  const std::uint8_t sequence = parameters.u8();
  about.type = kind >> 4U;
  about.group = kind & 15U;
  if (!parameters.ok()) return about;
  to.sink.number("parameter_head", head);
  to.sink.number("user_data_length", length);
  to.sink.number("method", method);
  to.sink.number("user_data_type", about.type);
  to.sink.number("function_group", about.group);
  to.sink.number("subfunction", about.subfunction);
  to.sink.number("sequence", sequence);
  if (length < 8 || parameters.remaining() < 4) return about;
  about.continued = true;
  about.unit = parameters.u8();
  const std::uint8_t last = parameters.u8();
  const std::uint16_t error = parameters.u16be();
  about.more = last != 0;
  to.sink.number("data_unit_reference", about.unit);
  to.sink.number("last_data_unit", last);
  to.sink.number("parameter_error", error);
  if (error != 0) to.fail(error, error_name(error));
  return about;
}

void read_user_content(const UserData& about, base::ByteView bytes, Decoding& to) {
  Reader content(bytes);
  switch (about.group) {
    case kCyclic:
      read_cyclic(about, content, to);
      break;
    case kProgrammer:
      read_programmer(about, content, to);
      break;
    case kBlocks:
      read_blocks(about, content, to);
      break;
    case kCpu:
      read_cpu(about, content, to);
      break;
    case kPbc:
      read_bsend(content, to);
      break;
    case kSecurity:
      return;
    case kTime:
      if (!content.done()) read_clock(content, to);
      break;
    default:
      if (!content.done()) to.sink.bytes("content", content.rest());
      return;
  }
  if (!content.ok())
    to.issue(Issue::Kind::Truncated, "user data ends too early",
             static_cast<std::uint32_t>(about.group) << 8U | about.subfunction);
}

}  // namespace dissect::s7comm
