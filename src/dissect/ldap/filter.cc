#include <string>

#include "dissect/ldap/operations.h"
#include "dissect/text.h"

namespace dissect::ldap {

namespace {

constexpr std::size_t kMaxText = 1024;
constexpr int kMaxParts = 128;

enum Choice : std::uint32_t {
  kAnd,
  kOr,
  kNot,
  kEqual,
  kSubstrings,
  kGreater,
  kLess,
  kPresent,
  kApprox,
  kExtensible,
};

class Filter {
 public:
  explicit Filter(Sink& sink) : sink_(sink) {}

  std::string take() && { return std::move(text_); }
  void read(const ber::Element& filter, int depth);

 private:
  void add(std::string_view text) {
    if (text_.size() + text.size() <= kMaxText)
      text_ += text;
    else if (!text_.ends_with("..."))
      text_ += "...";
  }
  void list(char sign, const ber::Element& filter, int depth);
  void comparison(std::string_view sign, const ber::Element& filter);
  void substrings(const ber::Element& filter);
  void extensible(const ber::Element& filter);

  Sink& sink_;
  std::string text_;
  int parts_ = 0;
};

void Filter::list(char sign, const ber::Element& filter, int depth) {
  add({&sign, 1});
  for (ber::Elements parts(filter.value); parts.next();)
    read(parts.here(), depth + 1);
}

void Filter::comparison(std::string_view sign, const ber::Element& filter) {
  ber::Elements parts(filter.value);
  const std::string name = parts.next() ? printable(parts.here().value) : std::string{};
  const std::string value = parts.next() ? printable(parts.here().value) : std::string{};
  if (!name.empty()) sink_.text("filter_attribute", name);
  // Numbers of objects are bytes.
  if (value.find("\\x") == std::string::npos) {
    if (!value.empty()) sink_.text("filter_value", value);
  } else {
    sink_.bytes("filter_value_bytes", parts.here().value);
  }
  add(name);
  add(sign);
  add(value);
}

void Filter::substrings(const ber::Element& filter) {
  ber::Elements parts(filter.value);
  const std::string name = parts.next() ? printable(parts.here().value) : std::string{};
  sink_.text("filter_type", name);
  add(name);
  add("=");
  if (!parts.next()) return;
  bool last = false;
  for (ber::Elements pieces(parts.here().value); pieces.next() && ++parts_ < kMaxParts;) {
    const ber::Element& piece = pieces.here();
    const std::string value = printable(piece.value);
    last = piece.context(2);
    if (!piece.context(0)) add("*");
    sink_.text(piece.context(0)   ? "filter_initial"
               : piece.context(1) ? "filter_any"
                                  : "filter_final",
               value);
    add(value);
  }
  if (!last) add("*");
}

void Filter::extensible(const ber::Element& filter) {
  std::string rule;
  std::string type;
  std::string value;
  for (ber::Elements parts(filter.value); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(1)) rule = printable(part.value);
    if (part.context(2)) type = printable(part.value);
    if (part.context(3)) value = printable(part.value);
  }
  if (!rule.empty()) sink_.text("filter_rule", rule);
  if (!type.empty()) sink_.text("filter_type", type);
  sink_.text("filter_match", value);
  add(type);
  add(":");
  add(rule);
  add(":=");
  add(value);
}

void Filter::read(const ber::Element& filter, int depth) {
  if (depth >= ber::kMaxDepth || ++parts_ >= kMaxParts || filter.tag_class != ber::Class::Context) {
    if (depth >= ber::kMaxDepth)
      sink_.issue({Issue::Kind::LeftOut, "filter is nested deeper than is read", 0, 0});
    add("(...)");
    return;
  }
  if (depth == 0) sink_.number("filter_choice", filter.tag);
  add("(");
  switch (filter.tag) {
    case kAnd:
      list('&', filter, depth);
      break;
    case kOr:
      list('|', filter, depth);
      break;
    case kNot:
      list('!', filter, depth);
      break;
    case kEqual:
      comparison("=", filter);
      break;
    case kGreater:
      comparison(">=", filter);
      break;
    case kLess:
      comparison("<=", filter);
      break;
    case kApprox:
      comparison("~=", filter);
      break;
    case kSubstrings:
      substrings(filter);
      break;
    case kPresent: {
      const std::string name = printable(filter.value);
      sink_.text("filter_present", name);
      add(name);
      add("=*");
      break;
    }
    case kExtensible:
      extensible(filter);
      break;
    default:
      sink_.issue({Issue::Kind::Malformed, "unknown kind of filter", filter.tag, 0});
      break;
  }
  add(")");
}

}  // namespace

std::string read_filter(const ber::Element& filter, Sink& sink) {
  Filter reading(sink);
  reading.read(filter, 0);
  return std::move(reading).take();
}

}  // namespace dissect::ldap
