// The workspace under the load of a whole fleet; bench/workspace.py runs it and says what comes
// out.
//
//   workspace_load describe|ndjson|fill|floor|ask|sqlite [--devices N] [--days D] ...
#include <CLI/CLI.hpp>

#include "base/result.h"
#include "workspace/commands.h"

namespace {

void add_shape(CLI::App& app, bench::FleetShape& shape) {
  app.add_option("--devices", shape.devices)->check(CLI::Range(1, 1'000'000));
  app.add_option("--days", shape.days)->check(CLI::Range(1, 3650));
  app.add_option("--seed", shape.seed);
  app.add_option("--end", shape.end, "KQL ticks; a midnight");
}

void add_store(CLI::App& app, bench::StorePlan& plan, bench::Asking& asking) {
  app.add_option("--folder", plan.folder)->required();
  app.add_option("--memory", plan.memory, "bytes that the database may use");
  app.add_option("--threads", plan.threads);
  app.add_option("--questions", asking.questions)->required();
  app.add_option("--published", asking.published);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The workspace under the load of a whole fleet.");
  app.require_subcommand(1);
  bench::FleetShape shape;
  bench::Fill fill;
  bench::DuckdbFloor floor;
  bench::Ask ask;
  bench::SqliteFill sqlite;

  auto* describe_command = app.add_subcommand("describe", "what the fleet sends");
  add_shape(*describe_command, shape);
  auto* ndjson_command = app.add_subcommand("ndjson", "its rows as JSON lines");
  add_shape(*ndjson_command, shape);

  auto* fill_command = app.add_subcommand("fill", "appends them to an event store");
  add_shape(*fill_command, fill.shape);
  add_store(*fill_command, fill.store, fill.asking);
  fill_command->add_option("--batch", fill.batch);
  fill_command->add_flag("--merge", fill.merge);
  fill_command->add_option("--questions-per-second", fill.questions_per_second);

  auto* floor_command = app.add_subcommand("floor", "gives them to DuckDB alone, without a store");
  add_shape(*floor_command, floor.shape);
  floor_command->add_option("--folder", floor.store.folder)->required();
  floor_command->add_option("--memory", floor.store.memory, "bytes that the database may use");
  floor_command->add_option("--threads", floor.store.threads);

  auto* ask_command = app.add_subcommand("ask", "asks questions of that store");
  add_shape(*ask_command, ask.shape);
  add_store(*ask_command, ask.store, ask.asking);
  ask_command->add_option("--devices-asked", ask.devices_asked);
  ask_command->add_option("--fleet-runs", ask.fleet_runs);

  auto* sqlite_command = app.add_subcommand("sqlite", "inserts them into SQLite");
  add_shape(*sqlite_command, sqlite.shape);
  sqlite_command->add_option("--file", sqlite.file)->required();
  sqlite_command->add_option("--batch", sqlite.batch);
  sqlite_command->add_option("--seconds", sqlite.seconds, "stop after that; 0: at the end");

  CLI11_PARSE(app, argc, argv);
  if (*describe_command) bench::describe(shape);
  if (*ndjson_command) bench::write_ndjson(shape);
  if (*fill_command) bench::fill(fill);
  if (*floor_command) bench::duckdb_floor(floor);
  if (*ask_command) bench::ask(ask);
  if (*sqlite_command) bench::fill_sqlite(sqlite);
  return 0;
}
