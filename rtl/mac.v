// Multiply-accumulate unit of one processing element, with registered operands and a registered partial sum.
//
// The weight register loads while weight_load is high and holds otherwise: held for many cycles it is the stationary
// operand of a weight-stationary array, loaded on every cycle it streams as in a row-stationary one. psum_in comes from
// the register of the upstream element, so it enters the adder directly.
//
//   activation[n], weight[n] (loaded)  ->  product in cycle n + 1, added to psum_in[n + 1]  ->  psum_out[n + 2]
//
// The module `multiplier` is one of multiplier_*.v; which file is compiled beside this one selects the architecture.
module mac #(
    parameter WEIGHT_BITS = 8,
    parameter ACTIVATION_BITS = 8,
    parameter PSUM_BITS = 32,
    parameter ACTIVATION_SIGNED = 1
) (
    input  wire                       clk,
    input  wire                       weight_load,
    input  wire [WEIGHT_BITS-1:0]     weight,
    input  wire [ACTIVATION_BITS-1:0] activation,
    input  wire [PSUM_BITS-1:0]       psum_in,
    output reg  [PSUM_BITS-1:0]       psum_out
);

    localparam PRODUCT_BITS = WEIGHT_BITS + ACTIVATION_BITS;

    reg  [WEIGHT_BITS-1:0]     weight_held;
    reg  [ACTIVATION_BITS-1:0] activation_held;
    wire [PRODUCT_BITS-1:0]    product;
    wire [PSUM_BITS-1:0]       sum;

    multiplier #(
        .WEIGHT_BITS(WEIGHT_BITS),
        .ACTIVATION_BITS(ACTIVATION_BITS),
        .ACTIVATION_SIGNED(ACTIVATION_SIGNED)
    ) multiplier (
        .weight(weight_held),
        .activation(activation_held),
        .product(product)
    );

    adder #(
        .PRODUCT_BITS(PRODUCT_BITS),
        .PSUM_BITS(PSUM_BITS)
    ) adder (
        .product(product),
        .psum(psum_in),
        .sum(sum)
    );

    always @(posedge clk) begin
        if (weight_load)
            weight_held <= weight;
        activation_held <= activation;
        psum_out <= sum;
    end

endmodule
