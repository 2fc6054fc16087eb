#include "hub/offline.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/json.h"
#include "hub/config.h"
#include "hub/data_dir.h"
#include "hub/hub.h"
#include "hub/retention/care.h"
#include "kql/ticks.h"
#include "os/file.h"
#include "store/backup.h"
#include "store/events.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;
using retention::Care;

namespace {

constexpr int kUsage = 2;

struct Flags {
  std::string data_dir;
  std::string folder;
  std::string table;
  std::string file;
  std::string from;
  std::string to;
  std::string format = "parquet";
};

struct Said {
  std::string json;
  bool good = true;
};

os::Config::Sources sources(const std::string& data_dir) {
  os::Config::Sources from;
  from.file = data_dir + "/" + kConfigFile;
  from.file_required = true;
  from.folder = data_dir + "/conf.d";
  from.environment = os::Config::process_environment();
  from.flags.emplace_back("state.dir", data_dir);
  return from;
}

// Opens the stores of the folder for as long as `work` runs.
Result<Said> with_care(const std::string& data_dir, std::string backup_dir,
                       const std::function<Result<Said>(Care&)>& work) {
  if (!os::file_exists(data_dir + "/" + kConfigFile))
    return fail(Code::NotFound, "data folder", -1, data_dir + " holds no hub");
  const Config config = TRY(load_config(sources(data_dir)));
  base::set_log_level(config.log_level);
  ::umask(077);
  const os::Fd lock = TRY(lock_data_dir(data_dir));
  store::EventStoreOptions options;
  options.path = config.in_data_dir(kEventsFile);
  options.resource_id = config.host_name;
  options.memory_limit = config.store_memory;
  options.export_dir = config.in_data_dir(kExportDir);
  const auto events = TRY(store::EventStore::open(std::move(options)));
  Care::Options caring = care_options(config);
  if (!backup_dir.empty()) caring.backup_dir = std::move(backup_dir);
  Care care(*events, std::move(caring));
  return work(care);
}

Result<Said> verify(const Flags& flags) {
  return with_care(flags.data_dir, {}, [](Care& care) -> Result<Said> {
    const auto found = TRY(care.verify());
    return Said{found.to_json(), found.sound()};
  });
}

Result<Said> compact(const Flags& flags) {
  return with_care(flags.data_dir, {}, [](Care& care) -> Result<Said> {
    const auto done = TRY(care.compact());
    return Said{done.to_json()};
  });
}

Result<Said> back_up(const Flags& flags) {
  const auto folder = std::filesystem::absolute(flags.folder).lexically_normal();
  return with_care(
      flags.data_dir, folder.parent_path().string(), [&folder](Care& care) -> Result<Said> {
        const auto made = TRY(care.back_up(folder.filename().string(), base::wall_now()));
        return Said{retention::to_json(made)};
      });
}

Result<Said> check(const Flags& flags) {
  const auto found = TRY(store::check_backup(flags.folder));
  return Said{retention::to_json(found)};
}

Result<Said> restore(const Flags& flags) {
  ::umask(077);
  const auto done = TRY(store::restore_backup(flags.folder, flags.data_dir));
  return Said{retention::to_json(done)};
}

Result<kql::Ticks> bound(const std::string& text, const char* flag, kql::Ticks otherwise) {
  if (text.empty()) return otherwise;
  const auto time = base::parse_rfc3339(text);
  if (!time)
    return fail(Code::Invalid, "command line", -1,
                std::string(flag) + ": expected a time as in RFC 3339");
  return kql::to_ticks(time->utc);
}

store::RowFormat format_of(const Flags& flags) {
  return flags.format == "parquet" ? store::RowFormat::Parquet : store::RowFormat::Ndjson;
}

Result<void> write_out(const store::ExportedFile& exported, const std::string& path) {
  const std::string partial = path + ".part";
  const os::Fd file = TRY(os::open_file(partial, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  std::vector<std::uint8_t> buffer(std::size_t{1} << 20U);
  for (std::uint64_t at = 0; at < exported.bytes;) {
    const std::size_t got = TRY(os::read_at(exported.file.get(), buffer, at));
    if (got == 0) return fail(Code::Truncated, "export", -1, path);
    TRY(os::write_all(file.get(), base::ByteView(buffer.data(), got)));
    at += got;
  }
  TRY(os::sync_data(file.get()));
  std::error_code failed;
  std::filesystem::rename(partial, path, failed);
  if (failed) return fail(Code::Io, "export", failed.value(), path);
  return {};
}

Result<Said> export_rows(const Flags& flags) {
  const kql::Ticks from = TRY(bound(flags.from, "--from", 0));
  const kql::Ticks to = TRY(bound(flags.to, "--to", kql::kMaxDateTimeTicks));
  return with_care(flags.data_dir, {}, [&](Care& care) -> Result<Said> {
    const auto exported = TRY(care.export_rows(flags.table, format_of(flags), from, to));
    TRY(write_out(exported, flags.file));
    Said said;
    base::json::Writer writer(said.json);
    writer.begin_object();
    writer.field("bytes", exported.bytes);
    writer.end_object();
    return said;
  });
}

Result<Said> import_rows(const Flags& flags) {
  return with_care(flags.data_dir, {}, [&](Care& care) -> Result<Said> {
    const auto counts = TRY(care.import_file(flags.table, format_of(flags), flags.file));
    return Said{retention::to_json(counts)};
  });
}

using Verb = Result<Said> (*)(const Flags&);

void add_rows(CLI::App& verb, Flags& flags) {
  verb.add_option("--table", flags.table, "Of this table")->required();
  verb.add_option("--file", flags.file, "The file")->required();
  verb.add_option("--format", flags.format, "parquet or ndjson")
      ->check(CLI::IsMember({"parquet", "ndjson"}));
}

// The verbs, each with what it does.
std::vector<std::pair<CLI::App*, Verb>> add_verbs(CLI::App& app, Flags& flags) {
  std::vector<std::pair<CLI::App*, Verb>> verbs;
  const auto add = [&](const char* name, const char* help, Verb verb, bool data_dir = true) {
    CLI::App* made = app.add_subcommand(name, help);
    if (data_dir) made->add_option("--data-dir", flags.data_dir, "Data folder")->required();
    verbs.emplace_back(made, verb);
    return made;
  };
  add("verify", "Read every byte, and say what is damaged", verify);
  add("compact", "Put all rows into pieces, and merge these", compact);
  add("backup", "Copy everything that a hub needs", back_up)
      ->add_option("--to", flags.folder, "Folder to make")
      ->required();
  add("check", "Read every byte of a backup", check, false)
      ->add_option("FOLDER", flags.folder, "The backup")
      ->required();
  add("restore", "Make a data folder of a backup", restore)
      ->add_option("FOLDER", flags.folder, "The backup")
      ->required();
  CLI::App* out = add("export", "Write rows as they are stored", export_rows);
  add_rows(*out, flags);
  out->add_option("--from", flags.from, "The first TimeGenerated");
  out->add_option("--to", flags.to, "The end, which is not part of it");
  add_rows(*add("import", "Add exported rows that are not there yet", import_rows), flags);
  return verbs;
}

}  // namespace

Care::Options care_options(const Config& config) {
  Care::Options options;
  options.data_dir = config.data_dir;
  options.backup_dir = config.backup_dir;
  options.events = kEventsFile;
  options.databases = {kStateFile, kQuarantineFile, kVulnerabilitiesFile, kNetworkFile};
  options.files = {kConfigFile, "conf.d",    kCaCertificate, kCaKey,        kServerCertificate,
                   kServerKey,  kUploadsDir, kContainersDir, kAdvisoriesDir};
  options.made_by = version();
  options.scratch = config.in_data_dir(kExportDir);
  options.max_import_bytes = config.exports.max_bytes;
  return options;
}

int store_command(std::span<const std::string_view> words) {
  CLI::App app("What is done to the stores of a hub that does not run.", "vedette-hub store");
  app.require_subcommand(1);
  Flags flags;
  const auto verbs = add_verbs(app, flags);
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  const auto chosen =
      std::ranges::find_if(verbs, [](const auto& verb) { return verb.first->parsed(); });
  const auto said = chosen->second(flags);
  if (!said) {
    std::cerr << "vedette-hub: "
              << (said.error().detail.empty() ? said.error().to_string() : said.error().detail)
              << '\n';
    return 1;
  }
  std::cout << said->json << '\n' << std::flush;
  return std::cout && said->good ? 0 : 1;
}

}  // namespace hub
