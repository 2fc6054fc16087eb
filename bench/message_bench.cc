// Security messages, as an agent writes them and as the hub reads them.
#include <benchmark/benchmark.h>

#include "schema/decode.h"
#include "schema/message.h"

namespace {

schema::Event process_event(std::int64_t number) {
  return schema::Event{
      .id = base::Guid::random(),
      .time = {base::wall_now(), std::chrono::minutes(60)},
      .payload = schema::payload_of(schema::ProcessCreate{
          .executable = "/usr/bin/python3.11",
          .process_id = number,
          .parent_process_id = 1,
          .user_id = "1000",
          .user_name = "operator",
          .command_line = "/usr/bin/python3.11 -m http.server --directory \"/srv/data\" 8000",
          .extra_details = {
              {"Cwd", "/srv/data"}, {"ContainerId", ""}, {"Hash", "9c1f0b0e5d0c4b12"}}})};
}

schema::Message message_of(std::int64_t events) {
  schema::Message message{"0.1.0", base::Guid::random(), {}};
  for (std::int64_t i = 0; i < events; ++i)
    message.events.push_back(process_event(i));
  return message;
}

void encode_event(benchmark::State& state) {
  const schema::Event event = process_event(1);
  std::string out;
  std::size_t bytes = 0;
  for (auto _ : state) {
    out.clear();
    schema::encode_event(event, out);
    bytes += out.size();
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(encode_event);

template <class Read>
void read(benchmark::State& state, Read read) {
  const std::string text = schema::encode_message(message_of(state.range(0)));
  schema::Decoder decoder;
  for (auto _ : state)
    benchmark::DoNotOptimize(read(decoder, text));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void decode_message(benchmark::State& state) {
  read(state, [](schema::Decoder& decoder, const std::string& text) {
    return decoder.decode(text, schema::Mode::Lenient);
  });
}
BENCHMARK(decode_message)->Arg(1)->Arg(10)->Arg(400);

void validate_message(benchmark::State& state) {
  read(state, [](schema::Decoder& decoder, const std::string& text) {
    return decoder.validate(text, schema::Mode::Strict);
  });
}
BENCHMARK(validate_message)->Arg(1)->Arg(400);

void event_details(benchmark::State& state) {
  const schema::Event event = process_event(1);
  for (auto _ : state)
    benchmark::DoNotOptimize(schema::event_details_json(event, 0));
}
BENCHMARK(event_details);

void field_text(benchmark::State& state) {
  const schema::Event event = process_event(1);
  const schema::FieldRef field = *schema::find_field(event.name(), "CommandLine");
  std::string scratch;
  for (auto _ : state)
    benchmark::DoNotOptimize(schema::field_text(event, 0, field, scratch));
}
BENCHMARK(field_text);

}  // namespace
