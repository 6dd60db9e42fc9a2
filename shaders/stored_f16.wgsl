// What holds the output: texels of four f16. Whether a store rounds or cuts off is the driver's affair.
alias Stored = texture_storage_2d<rgba16float, write>;
