#include "dissect/bacnet/service.h"

#include <bit>
#include <string>

#include "dissect/bacnet/names.h"
#include "dissect/bacnet/parameter.h"
#include "dissect/bacnet/tag.h"
#include "dissect/text.h"

namespace dissect::bacnet {

namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr unsigned int kDeviceControl = 17;
constexpr unsigned int kReinitialize = 20;
constexpr unsigned int kReadProperty = 12;
constexpr unsigned int kReadMultiple = 14;

bool fact_of(std::uint32_t property, Fact& fact) {
  switch (property) {
    case 12:
      fact = Fact::Software;
      return true;
    case 44:
      fact = Fact::Firmware;
      return true;
    case 58:
      fact = Fact::Location;
      return true;
    case 70:
      fact = Fact::Model;
      return true;
    case 77:
      fact = Fact::Name;
      return true;
    case 121:
      fact = Fact::Vendor;
      return true;
    case 372:
      fact = Fact::Serial;
      return true;
    default:
      return false;
  }
}

std::string_view status_of(std::uint64_t status) {
  static constexpr std::string_view kNames[] = {"operational",       "operational, read only",
                                                "download required", "download in progress",
                                                "not operational",   "backup in progress"};
  return status < std::size(kNames) ? kNames[status] : std::string_view();
}

class Walker {
 public:
  Walker(unsigned int service, Part part, const Speaker& speaker, Sink& sink, Found& found)
      : service_(service), part_(part), speaker_(speaker), sink_(sink), found_(found) {}

  void run(base::ByteView bytes, bool whole);

 private:
  void open(const Tag& tag);
  void primitive(const Tag& tag);
  void object(const Tag& tag, bool device);
  void property(const Tag& tag);
  void state(const Tag& tag);
  void plain(const Tag& tag);
  void value(const Tag& tag);
  void scalar(const Tag& tag);
  void identity(const Tag& tag);
  void error(const Tag& tag);
  void tell(Fact fact, std::string_view value);
  void add(std::string_view property);
  bool in_value() const { return value_depth_ != 0; }

  unsigned int service_;
  Part part_;
  const Speaker& speaker_;
  Sink& sink_;
  Found& found_;

  std::array<std::uint8_t, kMaxDepth> parents_{};
  std::array<std::uint8_t, kMaxDepth + 1> places_{};
  std::size_t depth_ = 0;
  std::size_t value_depth_ = 0;  // where a value began; 0: not in one
  std::uint32_t object_type_ = 0;
  std::uint32_t instance_ = 0;
  std::uint32_t property_ = 0;
  bool has_object_ = false;  // not yet among the objects found
  bool has_index_ = false;
};

void Walker::run(base::ByteView bytes, bool whole) {
  Reader reader(bytes);
  Tag tag;
  while (!reader.done()) {
    if (!read_tag(reader, tag)) {
      if (whole)
        sink_.issue({Issue::Kind::Truncated, "service parameters", service_,
                     static_cast<std::uint32_t>(reader.offset())});
      found_.broken = whole;
      break;
    }
    if (tag.kind == Tag::Kind::Opening) {
      if (depth_ == kMaxDepth) {
        sink_.issue({Issue::Kind::LeftOut, "parameters nested too deeply", service_,
                     static_cast<std::uint32_t>(reader.offset())});
        break;
      }
      open(tag);
    } else if (tag.kind == Tag::Kind::Closing) {
      if (depth_ == 0 || parents_[depth_ - 1] != tag.number) {
        sink_.issue({Issue::Kind::Malformed, "closing tag without its opening", tag.number,
                     static_cast<std::uint32_t>(reader.offset())});
        found_.broken = true;
        break;
      }
      if (depth_ == value_depth_) value_depth_ = 0;
      --depth_;
    } else {
      primitive(tag);
    }
  }
  if (whole && depth_ != 0 && !found_.broken && reader.done()) {
    sink_.issue({Issue::Kind::Malformed, "opening tag without its closing", service_});
    found_.broken = true;
  }
  if (has_object_) add({});
  if (found_.left_out) sink_.issue({Issue::Kind::LeftOut, "more objects than are listed"});
}

void Walker::open(const Tag& tag) {
  const std::uint8_t parent = depth_ == 0 ? kNoParent : parents_[depth_ - 1];
  const bool starts =
      !in_value() && find_parameter(part_, service_, parent, tag.number).meaning == Meaning::Value;
  parents_[depth_++] = tag.number;
  places_[depth_] = 0;
  if (starts) value_depth_ = depth_;
}

void Walker::primitive(const Tag& tag) {
  const std::uint8_t place = places_[depth_];
  if (place < 0x3f) ++places_[depth_];
  if (part_ == Part::Error) return error(tag);
  if (in_value()) return value(tag);
  const std::uint8_t parent = depth_ == 0 ? kNoParent : parents_[depth_ - 1];
  const bool untagged = tag.kind == Tag::Kind::Application;
  const Parameter parameter = find_parameter(
      part_, service_, parent, untagged ? static_cast<std::uint8_t>(kPlace + place) : tag.number);
  switch (parameter.meaning) {
    case Meaning::Object:
      return object(tag, false);
    case Meaning::Device:
      return object(tag, true);
    case Meaning::Property:
      return property(tag);
    case Meaning::Index:
      has_index_ = true;
      return sink_.number("array_index", tag.unsigned_value());
    case Meaning::Number:
      sink_.number(parameter.name, tag.unsigned_value());
      if (part_ == Part::Unconfirmed && service_ == 0 && place == 3)
        tell(Fact::VendorId, "BACnet " + std::to_string(tag.unsigned_value()));
      return;
    case Meaning::Text:
      return sink_.text(parameter.name, text_of(tag.value));
    case Meaning::Secret:
      return;
    case Meaning::State:
      return state(tag);
    case Meaning::Value:
      return value(tag);
    case Meaning::Unknown:
      return plain(tag);
  }
}

void Walker::object(const Tag& tag, bool device) {
  if (tag.value.size() != 4) {
    sink_.issue({Issue::Kind::Malformed, "object identifier that is not of 4 bytes", tag.number});
    found_.broken = true;
    return;
  }
  if (has_object_) add({});
  const auto id = static_cast<std::uint32_t>(tag.unsigned_value());
  const std::uint32_t type = id >> 22U;
  sink_.number("object_type", type);
  sink_.number("object_instance", id & 0x3fffffU);
  // Of a report, the device is not what it is about.
  if (device && !(part_ == Part::Unconfirmed && service_ == 0)) return;
  object_type_ = type;
  instance_ = id & 0x3fffffU;
  has_object_ = true;
}

void Walker::property(const Tag& tag) {
  property_ = static_cast<std::uint32_t>(tag.unsigned_value());
  has_index_ = false;
  sink_.number("property", property_);
  add(property_name(property_));
}

void Walker::add(std::string_view property) {
  has_object_ = false;
  if (found_.count == found_.objects.size()) {
    found_.left_out = true;
    return;
  }
  found_.objects[found_.count++] = {object_type_name(object_type_), property, instance_, 1};
}

void Walker::state(const Tag& tag) {
  static constexpr std::string_view kControl[] = {"enable", "disable", "disable initiation"};
  static constexpr std::string_view kReinit[] = {"cold start",    "warm start",      "start backup",
                                                 "end backup",    "start restore",   "end restore",
                                                 "abort restore", "activate changes"};
  static constexpr Access kAccess[] = {Access::Reset,           Access::Reset,
                                       Access::ProgramUpload,   Access::ProgramUpload,
                                       Access::ProgramDownload, Access::ProgramDownload,
                                       Access::ProgramDownload, Access::ConfigWrite};
  const auto wanted = static_cast<std::uint32_t>(tag.unsigned_value());
  sink_.number("state", wanted);
  found_.detail = {wanted, "reserved"};
  if (service_ == kDeviceControl && wanted < std::size(kControl))
    found_.detail.name = kControl[wanted];
  if (service_ == kReinitialize && wanted < std::size(kReinit)) {
    found_.detail.name = kReinit[wanted];
    found_.access = kAccess[wanted];
  }
}

// A parameter that has no row: shown as it is.
void Walker::plain(const Tag& tag) {
  if (tag.kind == Tag::Kind::Application) return value(tag);
  sink_.number("parameter", tag.number);
  sink_.bytes("parameter_value", tag.value);
}

void Walker::value(const Tag& tag) {
  if (tag.kind != Tag::Kind::Application) return plain(tag);
  switch (tag.number) {
    case kOctets:
      sink_.bytes("value_octets", tag.value);
      return;
    case kCharacters:
      if (sink_.wants_details()) sink_.text("value_text", text_of(tag.value));
      return identity(tag);
    case kBits:
      return sink_.bytes("value_bits", tag.value);
    case kDate:
      return sink_.bytes("value_date", tag.value);
    case kTime:
      return sink_.bytes("value_time", tag.value);
    case kObjectId: {
      const std::uint64_t id = tag.unsigned_value();
      sink_.number("value_object_type", id >> 22U & 0x3ffU);
      return sink_.number("value_object_instance", id & 0x3fffffU);
    }
    default:
      return scalar(tag);
  }
}

void Walker::scalar(const Tag& tag) {
  switch (tag.number) {
    case kNull:
      return sink_.text("value_null", "null");
    case kBoolean:
      return sink_.number("value_boolean", tag.truth ? 1 : 0);
    case kUnsigned:
      sink_.number("value_unsigned", tag.unsigned_value());
      return identity(tag);
    case kSigned:
      return sink_.real("value_signed", static_cast<double>(tag.signed_value()));
    case kReal:
      return sink_.real("value_real", static_cast<double>(std::bit_cast<float>(
                                          static_cast<std::uint32_t>(tag.unsigned_value()))));
    case kDouble:
      return sink_.real("value_double", std::bit_cast<double>(tag.unsigned_value()));
    case kEnumerated:
      sink_.number("value_enumerated", tag.unsigned_value());
      return identity(tag);
    default:
      sink_.issue({Issue::Kind::Malformed, "reserved application tag", tag.number});
      found_.broken = true;
      return;
  }
}

// Values of the device object that tell who it is.
void Walker::identity(const Tag& tag) {
  if (part_ != Part::Ack || (service_ != kReadProperty && service_ != kReadMultiple) ||
      object_type_ != kDeviceObject || has_index_ || depth_ != value_depth_)
    return;
  Fact fact = Fact::Name;
  if (tag.number == kCharacters) {
    if (fact_of(property_, fact)) tell(fact, text_of(tag.value));
  } else if (tag.number == kUnsigned && property_ == 120) {
    tell(Fact::VendorId, "BACnet " + std::to_string(tag.unsigned_value()));
  } else if (tag.number == kEnumerated && property_ == 112) {
    tell(Fact::Mode, status_of(tag.unsigned_value()));
  }
}

void Walker::tell(Fact fact, std::string_view value) {
  if (!speaker_.told || value.empty()) return;
  Evidence one;
  one.about = speaker_.about;
  one.ip = speaker_.ip;
  one.fact = fact;
  one.value = value;
  sink_.evidence(one);
}

// The class and the code of an error are its first two enumerations.
void Walker::error(const Tag& tag) {
  if (tag.kind != Tag::Kind::Application || tag.number != kEnumerated) return;
  const auto code = static_cast<std::uint32_t>(tag.unsigned_value());
  if (found_.failure.outcome != Outcome::Failed) {
    sink_.number("error_class", code);
    found_.failure = {Outcome::Failed, code << 16U, {}};
  } else if (found_.failure.name.empty()) {
    sink_.number("error_code", code);
    found_.failure.code |= code & 0xffffU;
    found_.failure.name = error_code_name(code);
  }
}

}  // namespace

void Found::clear() {
  count = 0;
  left_out = false;
  detail = {};
  access = Access::None;
  failure = {};
  broken = false;
}

void read_service(base::ByteView bytes, unsigned int service, Part part, bool whole,
                  const Speaker& speaker, Sink& sink, Found& found) {
  found.clear();
  Walker(service, part, speaker, sink, found).run(bytes, whole);
}

}  // namespace dissect::bacnet
