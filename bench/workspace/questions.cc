#include "workspace/questions.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "devices.h"
#include "os/file.h"

namespace bench {
namespace {

constexpr std::array<std::string_view, 3> kDevicePlaces = {"{device}", "YOUR_DEVICE_ID",
                                                           "<device-id>"};

std::string read(const std::filesystem::path& path) {
  auto text = os::read_file(path.string());
  if (!text) give_up(text.error().to_string());
  return std::move(*text);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::vector<Question> read_questions(const std::string& folder, const std::string& published) {
  constexpr std::string_view kEnding = ".duckdb.sql";
  auto names = os::list_dir(folder);
  if (!names) give_up(names.error().to_string());
  std::ranges::sort(*names);
  std::vector<Question> questions;
  for (const std::string& file : *names) {
    if (!file.ends_with(kEnding)) continue;
    Question question;
    question.name = file.substr(0, file.size() - kEnding.size());
    std::filesystem::path kql = std::filesystem::path(folder) / (question.name + ".kql");
    if (!std::filesystem::exists(kql)) {
      if (published.empty()) continue;
      kql = std::filesystem::path(published) / (question.name + ".kql");
      if (!std::filesystem::exists(kql)) continue;
    }
    question.kql = read(kql);
    question.duckdb = read(std::filesystem::path(folder) / file);
    question.approximate = question.duckdb.starts_with("-- approximate");
    question.one_device = std::ranges::any_of(kDevicePlaces, [&](std::string_view place) {
      return question.kql.find(place) != std::string::npos;
    });
    questions.push_back(std::move(question));
  }
  if (questions.empty()) give_up("no questions in " + folder);
  return questions;
}

std::string for_device(std::string text, std::string_view device, kql::Ticks now) {
  for (const std::string_view place : kDevicePlaces)
    replace_all(text, place, device);
  replace_all(text, "{hub}", kHubName);
  replace_all(text, "YOUR_HUB_NAME", kHubName);
  replace_all(text, "{now}", std::to_string(now));
  return text;
}

}  // namespace bench
