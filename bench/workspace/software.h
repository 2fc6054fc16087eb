#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

// What is installed on the devices of the imitated fleet and runs there. Texts may hold the slots
// of template.h. Lists of items are JSON members without their braces.
namespace bench {

struct Program {
  std::string_view executable;
  std::string_view command;
  std::string_view parent = "/usr/lib/systemd/systemd";
  std::string_view parent_command = "/sbin/init";
  std::string_view folder = "/";
  std::string_view unit = "cron.service";
  std::string_view user_id = "0";
  std::string_view user_name = "root";
};

struct Peer {
  std::string_view name;
  std::string_view address;
  std::string_view port;
  std::string_view protocol = "tcp";
};

// The last program is who talks to the peers and writes the file.
struct Job {
  unsigned weight;
  std::vector<Program> programs;
  std::vector<Peer> peers;
  std::string_view file = {};
};

struct DeviceKind {
  std::string_view prefix;
  unsigned share;  // of a hundred devices
  std::string_view board;
  std::string_view service;  // the account of its own software
  std::vector<Job> jobs;
  std::vector<std::string_view> ports;     // protocol/port/program
  std::vector<std::string_view> hardware;  // category/sub-category/name
  std::vector<std::string_view> packages;  // beside the common ones: name/version
};

const std::vector<DeviceKind>& device_kinds();
std::span<const Job> common_jobs();
std::span<const Program> operator_programs();

std::vector<std::string> ports_of(const DeviceKind& kind);
std::vector<std::string> accounts_of(const DeviceKind& kind);
std::vector<std::string> firewall_of(const DeviceKind& kind);
std::vector<std::string> hardware_of(const DeviceKind& kind);
std::vector<std::string> failed_checks_of(const DeviceKind& kind);
std::vector<std::string> packages_of(const DeviceKind& kind);
std::string system_of(const DeviceKind& kind);

}  // namespace bench
