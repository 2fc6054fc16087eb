// parse_user_agent(): what the text of a browser says about itself.

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "base/json.h"
#include "kql/natives/native.h"

namespace kql::natives {
namespace {

using base::json::Writer;

struct Pattern {
  const char* family;
  const char* regex;  // groups: major, minor, patch
};

// The first that fits: those that also name others' products come before them.
constexpr std::array kBrowsers{
    Pattern{"Edge", R"((?:Edge|Edg|EdgA|EdgiOS)/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Opera", R"((?:OPR|Opera)/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Samsung Internet", R"(SamsungBrowser/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Firefox iOS", R"(FxiOS/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Firefox", R"(Firefox/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Chrome Mobile iOS", R"(CriOS/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Chrome Mobile", R"(Chrome/(\d+)(?:\.(\d+))?(?:\.(\d+))?[\d.]* Mobile)"},
    Pattern{"Chromium", R"(Chromium/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Chrome", R"(Chrome/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Mobile Safari", R"(Version/(\d+)(?:\.(\d+))?(?:\.(\d+))?.* Mobile.* Safari/)"},
    Pattern{"Safari", R"(Version/(\d+)(?:\.(\d+))?(?:\.(\d+))?.* Safari/)"},
    Pattern{"IE", R"(MSIE (\d+)(?:\.(\d+))?)"},
    Pattern{"IE", R"(Trident/.*rv:(\d+)(?:\.(\d+))?)"},
    Pattern{"curl", R"(curl/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Wget", R"(Wget/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Python Requests", R"(python-requests/(\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
};

constexpr std::array kSystems{
    Pattern{"Windows Phone", R"(Windows Phone(?: OS)? (\d+)(?:\.(\d+))?)"},
    Pattern{"Windows", R"(Windows NT (\d+)(?:\.(\d+))?)"},
    Pattern{"Android", R"(Android (\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"iOS", R"((?:iPhone|iPad|iPod).*? OS (\d+)(?:_(\d+))?(?:_(\d+))?)"},
    Pattern{"Mac OS X", R"(Mac OS X (\d+)(?:[_.](\d+))?(?:[_.](\d+))?)"},
    Pattern{"Chrome OS", R"(CrOS \S+ (\d+)(?:\.(\d+))?(?:\.(\d+))?)"},
    Pattern{"Ubuntu", R"(Ubuntu(?:/(\d+)(?:\.(\d+))?)?)"},
    Pattern{"Linux", "Linux()"},
};

struct Device {
  const char* mark;
  const char* family;
  const char* brand;
  const char* model;
};
constexpr std::array kDevices{
    Device{"iPhone", "iPhone", "Apple", "iPhone"},
    Device{"iPad", "iPad", "Apple", "iPad"},
    Device{"iPod", "iPod", "Apple", "iPod"},
    Device{"Macintosh", "Mac", "Apple", "Mac"},
    Device{"Googlebot", "Spider", "Spider", "Desktop"},
    Device{"bingbot", "Spider", "Spider", "Desktop"},
};

struct Product {
  const char* family;
  std::unique_ptr<RE2> regex;
};

// Compiled once: a query asks them for each row.
template <std::size_t kSize>
std::vector<Product> compiled(const std::array<Pattern, kSize>& patterns) {
  std::vector<Product> out;
  for (const Pattern& each : patterns)
    out.push_back({each.family, std::make_unique<RE2>(each.regex)});
  return out;
}

void write_product(Writer& writer, const std::vector<Product>& products, std::string_view text,
                   bool system) {
  std::array<std::string, 3> version;
  const char* family = "Other";
  for (const Product& each : products) {
    std::array<RE2::Arg, 3> arguments{&version[0], &version[1], &version[2]};
    std::array<const RE2::Arg*, 3> pointers{&arguments[0], &arguments[1], &arguments[2]};
    const int groups = std::min(each.regex->NumberOfCapturingGroups(), 3);
    if (RE2::PartialMatchN(re2::StringPiece(text.data(), text.size()), *each.regex, pointers.data(),
                           groups)) {
      family = each.family;
      break;
    }
  }
  writer.begin_object();
  writer.field("Family", family);
  writer.field("MajorVersion", version[0]);
  writer.field("MinorVersion", version[1]);
  writer.field("Patch", version[2]);
  if (system) writer.field("PatchMinor", "");
  writer.end_object();
}

void write_device(Writer& writer, std::string_view text) {
  Device device{"", "Other", "", ""};
  for (const Device& each : kDevices) {
    if (text.find(each.mark) == std::string_view::npos) continue;
    device = each;
    break;
  }
  writer.begin_object();
  writer.field("Family", device.family);
  writer.field("Brand", device.brand);
  writer.field("Model", device.model);
  writer.end_object();
}

// parse_user_agent(text, "browser" | "os" | "device" | an array of them)
Outcome parse_user_agent(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  const auto what = text_at(arguments, 1);
  if (!text || !what || text->size() > 4096) return {};
  std::string out;
  Writer writer(out);
  writer.begin_object();
  if (what->find("browser") != std::string_view::npos) {
    writer.key("Browser");
    static const auto browsers = compiled(kBrowsers);
    write_product(writer, browsers, *text, false);
  }
  if (what->find("os") != std::string_view::npos) {
    writer.key("OperatingSystem");
    static const auto systems = compiled(kSystems);
    write_product(writer, systems, *text, true);
  }
  if (what->find("device") != std::string_view::npos) {
    writer.key("Device");
    write_device(writer, *text);
  }
  writer.end_object();
  return out;
}

constexpr std::array kNatives{
    Native{"native_parse_user_agent", "TT:J", parse_user_agent},
};

}  // namespace

std::span<const Native> agent_natives() {
  return kNatives;
}

}  // namespace kql::natives
