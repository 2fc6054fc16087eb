#include "dissect/synchrophasor/configuration.h"

#include <bit>
#include <string_view>

#include "dissect/text.h"

namespace dissect::synchrophasor {

namespace {

constexpr std::size_t kNameSize = 16;
constexpr std::size_t kDigitalNames = 16;  // each bit of a word has one
constexpr std::uint32_t kTimeBase = 0x00ffffff;

double real_of(std::uint32_t bits) {
  return static_cast<double>(std::bit_cast<float>(bits));
}

std::string fixed_name(Reader& body) {
  return printable(body.bytes(kNameSize));
}
// A byte of length in front.
std::string counted_name(Reader& body) {
  const std::uint8_t size = body.u8();
  return printable(body.bytes(size));
}

void read_format(Block& block, Reader& body, Sink& sink) {
  block.format = body.u16be();
  block.phasors = body.u16be();
  block.analogs = body.u16be();
  block.digitals = body.u16be();
  sink.number("frequency_format", block.has(Block::kFloatFrequency) ? 1 : 0);
  sink.number("analog_format", block.has(Block::kFloatAnalogs) ? 1 : 0);
  sink.number("phasor_format", block.has(Block::kFloatPhasors) ? 1 : 0);
  sink.number("phasor_notation", block.has(Block::kPolar) ? 1 : 0);
  sink.number("phasors", block.phasors);
  sink.number("analogs", block.analogs);
  sink.number("digitals", block.digitals);
}

std::size_t names_of(const Block& block) {
  return std::size_t{block.phasors} + block.analogs + kDigitalNames * block.digitals;
}

void show_conversions(const Block& block, Reader& body, Sink& sink) {
  for (std::size_t i = 0; i < block.phasors && body.ok(); ++i) {
    const std::uint32_t unit = body.u32be();
    sink.number("phasor_type", unit >> 24U);
    sink.number("phasor_factor", unit & 0x00ffffffU);
  }
  for (std::size_t i = 0; i < block.analogs && body.ok(); ++i) {
    const std::uint32_t unit = body.u32be();
    sink.number("analog_type", unit >> 24U);
    sink.number("analog_factor", unit & 0x00ffffffU);
  }
}

void show_digital_masks(const Block& block, Reader& body, Sink& sink) {
  for (std::size_t i = 0; i < block.digitals && body.ok(); ++i) {
    sink.number("normal_state", body.u16be());
    sink.number("valid_bits", body.u16be());
  }
}

Block read_block(Reader& body, Sink& sink) {
  Block block;
  block.name = fixed_name(body);
  block.id = body.u16be();
  sink.text("station", block.name);
  sink.number("data_source_id", block.id);
  read_format(block, body, sink);
  const std::size_t names = names_of(block);
  for (std::size_t i = 0; i < names && body.ok(); ++i) {
    if (sink.wants_details())
      sink.text("channel", fixed_name(body));
    else
      body.skip(kNameSize);
  }
  show_conversions(block, body, sink);
  show_digital_masks(block, body, sink);
  sink.number("nominal_frequency", (body.u16be() & 1U) != 0 ? 50 : 60);
  sink.number("configuration_count", body.u16be());
  return block;
}

void show_scales(const Block& block, Reader& body, Sink& sink) {
  for (std::size_t i = 0; i < block.phasors && body.ok(); ++i) {
    sink.number("phasor_modification", body.u16be());
    sink.number("phasor_type", body.u8());
    sink.number("phasor_user_flags", body.u8());
    sink.real("phasor_scale", real_of(body.u32be()));
    sink.real("phasor_angle_offset", real_of(body.u32be()));
  }
  for (std::size_t i = 0; i < block.analogs && body.ok(); ++i) {
    sink.real("analog_scale", real_of(body.u32be()));
    sink.real("analog_offset", real_of(body.u32be()));
  }
}

Block read_block_3(Reader& body, Sink& sink) {
  Block block;
  block.name = counted_name(body);
  block.id = body.u16be();
  sink.text("station", block.name);
  sink.number("data_source_id", block.id);
  sink.bytes("global_pmu_id", body.bytes(16));
  read_format(block, body, sink);
  const std::size_t names = names_of(block);
  for (std::size_t i = 0; i < names && body.ok(); ++i) {
    if (sink.wants_details())
      sink.text("channel", counted_name(body));
    else
      body.skip(body.u8());
  }
  show_scales(block, body, sink);
  show_digital_masks(block, body, sink);
  sink.real("latitude", real_of(body.u32be()));
  sink.real("longitude", real_of(body.u32be()));
  sink.real("elevation", real_of(body.u32be()));
  sink.text("service_class", printable(body.bytes(1)));
  sink.number("window", body.u32be());
  sink.number("group_delay", body.u32be());
  sink.number("nominal_frequency", (body.u16be() & 1U) != 0 ? 50 : 60);
  sink.number("configuration_count", body.u16be());
  return block;
}

Configuration read_all(Reader& body, Sink& sink, Block (*read_one)(Reader&, Sink&)) {
  Configuration configuration;
  configuration.time_base = body.u32be() & kTimeBase;
  const std::uint16_t count = body.u16be();
  sink.number("time_base", configuration.time_base);
  sink.number("pmu_count", count);
  for (std::size_t i = 0; i < count && body.ok(); ++i)
    configuration.blocks.push_back(read_one(body, sink));
  configuration.rate = static_cast<std::int16_t>(body.u16be());
  if (!body.ok()) return {};
  sink.real("data_rate", configuration.rate);
  return configuration;
}

}  // namespace

Configuration read_configuration(Reader& body, Sink& sink) {
  return read_all(body, sink, read_block);
}

Configuration read_configuration_3(Reader& body, Sink& sink) {
  return read_all(body, sink, read_block_3);
}

}  // namespace dissect::synchrophasor
