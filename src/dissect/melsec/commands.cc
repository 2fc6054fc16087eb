#include "dissect/melsec/commands.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::melsec {

namespace {

constexpr Command kCommands[] = {
    {"read type name", 0x0101, Access::Discovery, Shape::Identity},
    {"read type", 0x0121, Access::Discovery, Shape::Identity},
    {"batch read", 0x0401, Access::Read, Shape::Batch},
    {"random read", 0x0403, Access::Read, Shape::Random},
    {"block read", 0x0406, Access::Read, Shape::Blocks},
    {"intelligent module read", 0x0601, Access::Read, Shape::Memory},
    {"buffer memory read", 0x0613, Access::Read, Shape::Memory},
    {"self-test", 0x0619, Access::Diagnostics},
    {"monitor registration", 0x0801, Access::Read, Shape::Random},
    {"monitor", 0x0802, Access::Read},
    {"node search", 0x0e30, Access::Discovery},
    {"IP address setting", 0x0e31, Access::ConfigWrite},
    {"device information compare", 0x0e32, Access::Discovery},
    {"parameter get", 0x0e33, Access::ConfigRead},
    {"parameter set", 0x0e34, Access::ConfigWrite},
    {"parameter set cancel", 0x0e35, Access::ConfigWrite},
    {"status read", 0x0e44, Access::Diagnostics},
    {"remote run", 0x1001, Access::Start},
    {"remote stop", 0x1002, Access::Stop},
    {"remote pause", 0x1003, Access::Stop},
    {"remote latch clear", 0x1005, Access::Write},
    {"remote reset", 0x1006, Access::Reset},
    {"batch write", 0x1401, Access::Write, Shape::Batch},
    {"random write", 0x1402, Access::Write, Shape::RandomWrite},
    {"block write", 0x1406, Access::Write, Shape::Blocks},
    {"intelligent module write", 0x1601, Access::Write, Shape::Memory},
    {"buffer memory write", 0x1613, Access::Write, Shape::Memory},
    {"clear error", 0x1617, Access::Diagnostics},
    {"password unlock", 0x1630, Access::Authentication, Shape::Password},
    {"password lock", 0x1631, Access::Authentication, Shape::Password},
    {"directory read", 0x1810, Access::File, Shape::File},
    {"file search", 0x1811, Access::File, Shape::File},
    {"file create", 0x1820, Access::File, Shape::File},
    {"file delete", 0x1822, Access::File, Shape::File},
    {"file copy", 0x1824, Access::File, Shape::File},
    {"file attributes", 0x1825, Access::File, Shape::File},
    {"file date", 0x1826, Access::File, Shape::File},
    {"file open", 0x1827, Access::File, Shape::File},
    {"file read", 0x1828, Access::File},
    {"file write", 0x1829, Access::File},
    {"file close", 0x182a, Access::File},
    {"on demand", 0x2101, Access::Alarm},
    {"alert", 0x3070, Access::Alarm},
    {"alert occurrence", 0x3072, Access::Alarm},
};
static_assert(std::ranges::is_sorted(kCommands, {}, &Command::code));

constexpr Command kMelsoft[] = {
    {"directory list", 0x1859, Access::ConfigRead, Shape::File},
    {"file find", 0x185f, Access::ConfigRead, Shape::File},
    {"file open", 0x1867, Access::ConfigRead, Shape::File},
    {"file read", 0x1868, Access::ProgramUpload},
    {"file write", 0x1869, Access::ProgramDownload},
    {"file close", 0x186a, Access::None},
};
static_assert(std::ranges::is_sorted(kMelsoft, {}, &Command::code));

struct Device {
  std::string_view name;
  std::uint16_t code = 0;
  bool hexadecimal = false;
};

constexpr Device kDevices[] = {
    {"RD", 0x2c},       {"LTC", 0x50},      {"LTS", 0x51},      {"LTN", 0x52},
    {"LCC", 0x54},      {"LCS", 0x55},      {"LCN", 0x56},      {"LSTC", 0x58},
    {"LSTS", 0x59},     {"LSTN", 0x5a},     {"LZ", 0x62},       {"M", 0x90},
    {"SM", 0x91},       {"L", 0x92},        {"F", 0x93},        {"V", 0x94},
    {"S", 0x98},        {"X", 0x9c, true},  {"Y", 0x9d, true},  {"B", 0xa0, true},
    {"SB", 0xa1, true}, {"DX", 0xa2, true}, {"DY", 0xa3, true}, {"D", 0xa8},
    {"SD", 0xa9},       {"R", 0xaf},        {"ZR", 0xb0, true}, {"W", 0xb4, true},
    {"SW", 0xb5, true}, {"TC", 0xc0},       {"TS", 0xc1},       {"TN", 0xc2},
    {"CC", 0xc3},       {"CS", 0xc4},       {"CN", 0xc5},       {"SC", 0xc6},
    {"SS", 0xc7},       {"SN", 0xc8},       {"Z", 0xcc},
};
static_assert(std::ranges::is_sorted(kDevices, {}, &Device::code));

const Device* device(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kDevices, code, {}, &Device::code);
  return found != std::end(kDevices) && found->code == code ? found : nullptr;
}

constexpr Named kEnds[] = {
    {0x0000, "normal"},
    {0x4000, "controller error"},
    {0x4010, "not possible while running"},
    {0x4013, "not possible in this state"},
    {0x4031, "device out of range"},
    {0xc035, "no response in time"},
    {0xc050, "not ASCII"},
    {0xc051, "count out of range"},
    {0xc052, "count out of range"},
    {0xc053, "count out of range"},
    {0xc054, "count out of range"},
    {0xc055, "count of file data out of range"},
    {0xc056, "address out of range"},
    {0xc058, "length does not fit the data"},
    {0xc059, "command not supported"},
    {0xc05b, "device cannot be accessed"},
    {0xc05c, "request is wrong"},
    {0xc05f, "command not possible for this target"},
    {0xc060, "contents are wrong"},
    {0xc061, "length does not fit the data"},
    {0xc070, "device memory cannot be extended"},
    {0xc0b5, "data that cannot be"},
    {0xc200, "password is wrong"},
    {0xc201, "port locked by password"},
    {0xc204, "locked by another"},
    {0xc810, "password is wrong"},
    {0xc811, "port locked by password"},
};
static_assert(sorted_by_code(kEnds));

}  // namespace

Command command(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kCommands, code, {}, &Command::code);
  return found != std::end(kCommands) && found->code == code ? *found : Command{{}, code};
}

Command melsoft_command(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kMelsoft, code, {}, &Command::code);
  if (found != std::end(kMelsoft) && found->code == code) return *found;
  // How devices are named is not that of SLMP: only what the command does is.
  Command known = command(code);
  if (known.shape != Shape::Identity) known.shape = Shape::Other;
  if (!known.name.empty()) return known;
  switch (code >> 8U) {
    case 0x01:
      return {"identity", code, Access::Discovery};
    case 0x04:
      return {"memory read", code, Access::Read};
    case 0x07:
      return {"clock", code, Access::ConfigWrite};
    case 0x0b:
      return {"monitor", code, Access::Read};
    case 0x10:
      return {"remote control", code, Access::ModeChange};
    case 0x14:
      return {"memory write", code, Access::Write};
    case 0x18:
      return {"file operation", code, Access::File};
    default:
      return {{}, code};
  }
}

std::string_view device_name(std::uint16_t code) {
  const Device* const found = device(code);
  return found != nullptr ? found->name : std::string_view();
}

std::uint16_t device_code(std::string_view two) {
  std::string_view name = two;
  while (!name.empty() && name.back() == '*')
    name.remove_suffix(1);
  const auto found = std::ranges::find(kDevices, name, &Device::name);
  return found != std::end(kDevices) && !name.empty() ? found->code : std::uint16_t{0};
}

bool hexadecimal_device(std::uint16_t code) {
  const Device* const found = device(code);
  return found != nullptr && found->hexadecimal;
}

std::string_view end_name(std::uint16_t code) {
  return name_of(kEnds, code);
}

}  // namespace dissect::melsec
