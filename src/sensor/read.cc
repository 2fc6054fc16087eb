#include "sensor/read.h"

#include <array>

#include <fmt/format.h>

#include "os/file.h"
#include "sensor/capture/files.h"
#include "sensor/edits_file.h"
#include "sensor/engine/engine.h"
#include "sensor/output.h"
#include "sensor/protocols.h"
#include "sensor/stock.h"

namespace sensor {

namespace {

constexpr std::array<std::string_view, 8> kWhat = {"transactions", "assets",   "flows",  "health",
                                                   "fields",       "evidence", "issues", "nothing"};

constexpr std::array<std::string_view, 4> kShapes = {"ndjson", "table", "zeek", "eve"};

}  // namespace

base::Result<What> parse_what(std::string_view name) {
  for (std::size_t i = 0; i < kWhat.size(); ++i) {
    if (kWhat[i] == name) return static_cast<What>(i);
  }
  return base::fail(base::Code::Invalid, "--what", -1,
                    fmt::format("is one of {}", fmt::join(kWhat, ", ")));
}

base::Result<Shape> parse_shape(std::string_view name) {
  for (std::size_t i = 0; i < kShapes.size(); ++i) {
    if (kShapes[i] == name) return static_cast<Shape>(i);
  }
  return base::fail(base::Code::Invalid, "-o", -1,
                    fmt::format("is one of {}", fmt::join(kShapes, ", ")));
}

base::Result<void> check_shape(What what, Shape shape) {
  if (what == What::Fields && shape != Shape::Json)
    return base::fail(base::Code::Invalid, "-o", -1, "fields are written as JSON only");
  const bool common = what == What::Transactions || what == What::Flows || what == What::Issues;
  if ((shape == Shape::Zeek || shape == Shape::Eve) && !common) {
    return base::fail(base::Code::Invalid, "-o", -1,
                      "zeek and eve are for transactions, flows and issues");
  }
  return {};
}

int read(const ReadOptions& options, std::FILE* out) {
  const auto protocols = Protocols::load(options.protocols);
  if (!protocols) {
    std::fputs((explained(protocols.error()) + "\n").c_str(), stderr);
    return 1;
  }
  const flow::Registry registry(protocols->all());
  engine::Settings settings;
  settings.workers = options.workers;
  settings.decode.drop_duplicates = !options.keep_duplicates;
  settings.worker = worker_settings(options.what);
  capture::Files files(options.files);
  Stock stock;
  if (options.what == What::Assets) stock.know_vendors();
  if (!options.edits.empty()) {
    auto edits = os::file_exists(options.edits)
                     ? read_edits(options.edits)
                     : base::fail(base::Code::NotFound, "--edits", -1, options.edits);
    if (!edits) {
      std::fputs(("vedette-sensor: " + edits.error().to_string() + "\n").c_str(), stderr);
      return 1;
    }
    for (const std::string& problem : edits->problems())
      std::fputs(("vedette-sensor: " + options.edits + ", " + problem + ": passed over\n").c_str(),
                 stderr);
    stock.edits() = std::move(*edits);
  }
  Output output(options.what, options.shape, out, stock);
  Audience audience{options.what == What::Assets ? &stock : nullptr, &output};
  engine::Engine engine(registry, audience, settings);
  const auto done = engine.run(files);
  output.end(engine.health());
  bool good = output.flush();
  if (!good) std::fputs("vedette-sensor: the output could not be written\n", stderr);
  if (!done) {
    std::fputs(("vedette-sensor: " + done.error().to_string() + "\n").c_str(), stderr);
    good = false;
  }
  for (const std::string& problem : files.problems())
    std::fputs(("vedette-sensor: " + problem + "\n").c_str(), stderr);
  return good && files.problems().empty() ? 0 : 1;
}

}  // namespace sensor
