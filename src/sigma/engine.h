#pragma once

#include <cstdint>

namespace sigma {

// How texts are searched for what rules look for.
enum class Engine : std::uint8_t {
  Fastest,     // Vectorscan where there is something to gain and the processor can
  Index,       // our own index of literals
  Vectorscan,  // wherever the processor can
};

}  // namespace sigma
